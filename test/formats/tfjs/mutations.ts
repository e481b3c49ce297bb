import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { ModelFileError, readModel } from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import type { Loose, LooseModel, LooseObject } from './model-folders';

/** Values that a hostile or broken file might hold anywhere. */
const values: readonly Loose[] = [
  null,
  true,
  -1,
  0,
  0.5,
  2,
  7,
  1e9,
  1e15,
  1e308,
  '',
  'relu',
  'conv1',
  'block',
  'Conv2D',
  'Sequential',
  'LSTM',
  '__proto__',
  'constructor',
  'toString',
  '../secret.bin',
  'x'.repeat(5000),
  [],
  [[]],
  [null],
  [1e9, 1e9],
  [['conv1', 0, 0, {}]],
  [[['add', 0, 0, {}]]],
  {},
  { className: 'Dense', config: { units: 1e9 } },
  { class_name: 'Orthogonal', config: {} },
];

const names = [
  '__proto__',
  'constructor',
  'name',
  'className',
  'config',
  'layers',
  'inbound_nodes',
];

/** One change to a model's files; numbers choose the place. */
const mutation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      at: fc.nat(),
      value: fc.constantFrom(...values),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove', 'repeat', 'copy', 'swap', 'rename'),
      at: fc.nat(),
      from: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('byte', 'cut', 'insert'),
      at: fc.nat(),
      byte: fc.nat(255),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('weights' as const),
      at: fc.nat(),
      byte: fc.nat(255),
    }),
  },
);

type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

/** A place in a JSON value: the list or object, and the key in it. */
interface Place {
  readonly holder: Loose[] | LooseObject;
  readonly key: string;
}

function placesIn(json: Loose): Place[] {
  const places: Place[] = [];
  const walk = (value: Loose): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push({ holder: value, key });
      walk(inner);
    }
  };
  walk(json);
  return places;
}

const valueAt = ({ holder, key }: Place): Loose => (holder as LooseObject)[key]!;

/** Sets an own property, whatever its name. */
function put({ holder, key }: Place, value: Loose): void {
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function remove({ holder, key }: Place): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

/** Changes the parsed model.json. */
function mutateJson(json: Loose, change: Mutation): void {
  const places = placesIn(json);
  const place = places[change.at % places.length];
  if (!place) return;
  if (change.kind === 'set') put(place, structuredClone((change as { value: Loose }).value));
  if (change.kind === 'remove') remove(place);
  const other = places['from' in change ? change.from % places.length : 0]!;
  if (change.kind === 'copy') put(place, structuredClone(valueAt(other)));
  if (change.kind === 'swap') {
    const [one, two] = [structuredClone(valueAt(place)), structuredClone(valueAt(other))];
    put(place, two);
    put(other, one);
  }
  if (change.kind === 'repeat' && Array.isArray(place.holder)) {
    place.holder.splice(Number(place.key), 0, structuredClone(valueAt(place)));
  }
  if (change.kind === 'rename' && !Array.isArray(place.holder)) {
    const value = valueAt(place);
    remove(place);
    put(
      { holder: place.holder, key: names['from' in change ? change.from % names.length : 0]! },
      value,
    );
  }
}

/** Changes bytes of a file. */
function mutateBytes(bytes: Buffer, kind: string, at: number, byte: number): Buffer {
  const place = at % (bytes.length + 1);
  if (kind === 'cut') return bytes.subarray(0, place);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (kind === 'insert') return Buffer.concat([before, Buffer.of(byte), after]);
  return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
}

function writeMutated(folder: string, base: LooseModel, changes: readonly Mutation[]): string {
  const json = structuredClone(base.json);
  for (const change of changes) mutateJson(json, change);
  let text: Buffer = Buffer.from(JSON.stringify(json));
  let { weights } = base;
  for (const change of changes) {
    if (!('byte' in change)) continue;
    const { kind, at, byte } = change;
    if (kind !== 'weights') text = mutateBytes(text, kind, at, byte);
    else weights = mutateBytes(weights, ['byte', 'cut', 'insert'][byte % 3]!, at, byte);
  }
  const file = path.join(folder, 'model.json');
  fs.writeFileSync(file, text);
  fs.writeFileSync(path.join(folder, 'group1-shard1of1.bin'), weights);
  return file;
}

/** What came of the files. */
export interface FuzzCount {
  loaded: number;
  refused: number;
}

/** CPU time that one file may take, seconds of this process. */
const limitSeconds = 1;

/**
 * Reads mutated files and expects each to load or to be refused by a `ModelFileError`, within a second
 * of CPU time, with no tensor and no property of all objects left behind.
 */
export async function fuzzReader(
  folder: string,
  bases: readonly LooseModel[],
  runs: number,
  seed: number,
): Promise<FuzzCount> {
  const count = { loaded: 0, refused: 0 };
  fs.mkdirSync(folder, { recursive: true });
  const prototypeKeys = Reflect.ownKeys(Object.prototype).length;
  const changes = fc.array(mutation, { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.nat(bases.length - 1), changes, async (base, made) => {
      const file = writeMutated(folder, bases[base]!, made);
      const tensors = tf.memory().numTensors;
      const started = process.cpuUsage();
      const failure = await readModel(file).then(
        (model) => {
          disposeWeights(model);
          count.loaded++;
          return null;
        },
        (error: unknown) => {
          count.refused++;
          return error;
        },
      );
      const { user, system } = process.cpuUsage(started);
      if (failure !== null) expect(failure).toBeInstanceOf(ModelFileError);
      expect((user + system) / 1e6).toBeLessThan(limitSeconds);
      expect(tf.memory().numTensors).toBe(tensors);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(Reflect.ownKeys(Object.prototype)).toHaveLength(prototypeKeys);
    }),
    { numRuns: runs, seed },
  );
  return count;
}
