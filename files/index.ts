/** How bytes reach the disk; the folder of a run is `run/`. */
export { asDiskError, DiskError, errorCode } from './disk-error';
export { nodeFiles, refuseOversize } from './file-layer';
export type { FileLayer, OpenFile } from './file-layer';
export { ensureFolder, removeTree } from './folders';
export { readInput, readInputText } from './input-file';
export { canonicalJson, isForbiddenKey, isJsonObject, parseCanonicalJson } from './json';
export type { JsonObject, JsonValue } from './json';
export { Leftover, sweepLeftovers } from './leftovers';
export { MalformedFileError } from './malformed-file-error';
export { isProcessAlive, processStart } from './processes';
export {
  entries,
  fields,
  nullOr,
  object,
  oneOf,
  optional,
  real,
  refuseValue,
  text,
  whole,
} from './shape';
export type { Place, Shape, Shaped } from './shape';
export { sha256 } from './sha256';
export { replaceFile, writeAll, writeNewFile } from './write';
