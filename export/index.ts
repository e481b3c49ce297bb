export { harden, mask } from './harden';
export { pruningManifest } from './manifest';
export type { ManifestFacts } from './manifest';
export {
  FolderInUseError,
  modelBytes,
  ModelFileError,
  readModel,
  requireFree,
  writeModel,
} from './model-files';
export { holds, TOLERANCE, VerificationError, verify } from './verify';
export type { Comparison, Verification } from './verify';
