export { harden, mask } from './harden';
export { composeKeep, inflate, pruningOf } from './inflate';
export { pruningManifest } from './manifest';
export type { ManifestFacts } from './manifest';
export { PruningManager } from './pruning-manager';
export type { PrunedChannel } from './pruning-manager';
export { strip } from './strip';
export { holds, TOLERANCE, VerificationError, verify } from './verify';
export type { Comparison, Verification } from './verify';
