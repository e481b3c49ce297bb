export { harden, mask } from './harden';
export { pruningManifest } from './manifest';
export type { ManifestFacts } from './manifest';
export { ModelFileError } from './model-file-error';
export { FolderInUseError, modelBytes, requireFree, writeModel } from './model-files';
export { readModel } from './read-model';
export { holds, TOLERANCE, VerificationError, verify } from './verify';
export type { Comparison, Verification } from './verify';
