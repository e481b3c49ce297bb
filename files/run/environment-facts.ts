/** What environment.json says of the machine and the engine, and what of it changes the bits of a run. */
import * as os from 'node:os';
import type { JsonObject, JsonValue } from '../json';
import { isJsonObject } from '../json';

/** The facts of a machine that make a run repeatable; nothing else is written. */
export interface EnvironmentFacts {
  readonly backend?: string;
  readonly device?: string;
  /** Library name to version. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Settings of the engine that change numbers or speed; no other variable is looked at. */
const environmentVariables = [
  'CUDA_VISIBLE_DEVICES',
  'NODE_ENV',
  'OMP_NUM_THREADS',
  'TF_CPP_MIN_LOG_LEVEL',
  'TF_DETERMINISTIC_OPS',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_NUM_INTEROP_THREADS',
  'TF_NUM_INTRAOP_THREADS',
  'UV_THREADPOOL_SIZE',
] as const;

/** The given facts, the machine, and a fixed list of settings. */
export function describeEnvironment(facts: EnvironmentFacts = {}): JsonObject {
  const { backend = null, device = null, versions = {} } = facts;
  const set = environmentVariables.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    backend,
    device,
    versions,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    system: os.release(),
    processor: os.cpus()[0]?.model ?? null,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    variables: Object.fromEntries(set),
  };
}

/** How each thing that a sum's last bits depend on is read and called. */
const ofBits: readonly {
  readonly called: string;
  readonly read: (environment: JsonObject) => JsonValue | undefined;
}[] = [
  { called: 'engine', read: ({ backend }) => backend },
  { called: 'device', read: ({ device }) => device },
  { called: 'version of TensorFlow', read: (environment) => readIn(environment.versions, 'tensorflow') }, // prettier-ignore
  { called: 'version of TensorFlow.js', read: (environment) => readIn(environment.versions, 'tfjs') }, // prettier-ignore
  { called: 'threads', read: readThreads },
  { called: 'processor', read: ({ processor }) => processor },
  { called: 'TF_ENABLE_ONEDNN_OPTS', read: (environment) => readIn(environment.variables, 'TF_ENABLE_ONEDNN_OPTS') }, // prettier-ignore
];

/** What differs so that the same steps may end in other last bits, in words; what one does not say is left out. */
export function compareEnvironments(before: JsonObject, now: JsonObject): string[] {
  return ofBits.flatMap(({ called, read }) => {
    const [was, is] = [read(before), read(now)];
    if (was === undefined || was === null || is === undefined || is === null || was === is)
      return [];
    return [`${called} ${JSON.stringify(was)} before, ${JSON.stringify(is)} now`];
  });
}

/** Threads within one operation: one per core where nothing says another number. */
function readThreads({ variables, cores }: JsonObject): JsonValue | undefined {
  const said = readIn(variables, 'TF_NUM_INTRAOP_THREADS');
  return said === undefined ? cores : Number(said);
}

function readIn(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}
