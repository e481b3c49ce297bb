export { formatCatalogue, formatIds } from './catalogue';
export type { FormatId } from './catalogue';
export { ModelFileError } from './model-file-error';
export { onnxModel } from './onnx/onnx';
export { openOnnx } from './onnx/run-onnx';
export { fileFormats, requireWritable, writeForms } from './registry';
export type { FileFormat, WriteOptions } from './registry';
export { readSparse, sparseWeights, weightFileSizes } from './sparse/sparse';
export type { WeightFileSizes } from './sparse/sparse';
export { SPARSE_FILE, unpackSparse } from './sparse/sparse-unpack';
export type { SparseEntry } from './sparse/sparse-unpack';
export { describeWritten } from './tfjs/digests';
export type { FileDigests, WrittenFacts } from './tfjs/digests';
export {
  FolderInUseError,
  modelBytes,
  requireFree,
  writeChecked,
  writeModel,
} from './tfjs/model-files';
export type { CheckedWrite, Extras } from './tfjs/model-files';
export { modelPlace } from './tfjs/model-place';
export { readModel } from './tfjs/read-model';
export { readPlainly } from './tfjs/read-plainly';
export type { PlainlyRead } from './tfjs/read-plainly';
export { weightBytes } from './tfjs/weight-bytes';
export { levelPath, writeLevel, writeLevels } from './typescript/levels';
export type { Level, LevelFiles, LevelPlace } from './typescript/levels';
export { typescriptSource } from './typescript/typescript-source';
export type { SourceBlock, SourceOptions } from './typescript/typescript-source';
export { setUsage, usageOf } from './usage';
export type { MeasuredAccuracy, Usage } from './usage';
export { usageLines } from './usage-lines';
export { UnsupportedLayerError } from './unsupported-layer-error';
