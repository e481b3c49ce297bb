/** Random networks pruned by the command and looked at by programs that are not ours. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describeFailure } from '../../../config/failure';
import { boundIntegers, ChannelGraph } from '../../../graph';
import { seedOf, RandomStream } from '../../../random/seeds';
import { gapOf, valuesOf } from '../../formats/written-layers';
import { askPlainTensorFlow, folderWithTensorFlow } from '../../formats/plain-tfjs';
import type { PlainAnswer, PlainRequest } from '../../formats/plain-tfjs';
import { runOnnx, withoutRuntime } from '../../formats/onnx/runtime';
import type { Values } from '../../formats/onnx/runtime';
import { compiled, weightFiles } from '../../formats/typescript/compiled-source';
import { chance } from '../../graph/fixtures/random-graph';
import { invoke } from '../fixtures/invoke';
import { drawArguments } from './random-arguments';
import { randomNetwork } from './random-network';
import { plainFolder, writeOriginal } from './written-original';

/** What became of a network, or of one of its forms. */
export type Fate =
  | { readonly fate: 'equal'; readonly gap: number }
  | { readonly fate: 'refused' | 'wrong'; readonly reason: string };

/** A form in which a pruned network lies in its folder; and the memory, which is as it was before. */
export type Form = 'tfjs' | 'onnx' | 'typescript' | 'memory';

/** A network of the sweep and what became of it. */
export interface Swept {
  readonly number: number;
  /** The command line that pruned it. */
  readonly args: readonly string[];
  readonly fates: ReadonlyMap<Form, Fate>;
}

/** Runs the command; answers what it prints to a person in the end, and the exit code. */
export type Prune = (args: readonly string[]) => Promise<{ code: number; text: string }>;

/** A pruned network that is still to be judged. */
interface Pruned {
  readonly number: number;
  readonly args: readonly string[];
  readonly folder: string;
  readonly out: string;
  readonly fates: Map<Form, Fate>;
  readonly free: number;
  readonly below: readonly (number | null)[];
}

const TOLERANCE = 1e-5;
/** An error that nobody foresaw shows where it was thrown. */
const isStack = (text: string): boolean => /\n\s+at /.test(text);

/** Calls the command in this process. */
export const pruneHere: Prune = async (args) => {
  try {
    const { code, stdout } = await invoke(args);
    return { code, text: stdout };
  } catch (error) {
    const { text, exitCode } = describeFailure(error);
    return { code: exitCode, text };
  }
};

/**
 * Prunes `count` networks from number `first` on and judges all that was written.
 *
 * @param parent an empty folder.
 */
export async function sweep(
  parent: string,
  { first, count, prune = pruneHere }: { first: number; count: number; prune?: Prune },
): Promise<Swept[]> {
  const swept: Swept[] = [];
  const written: Pruned[] = [];
  for (let number = first; number < first + count; number++) {
    const one = await pruneOne(parent, number, prune);
    swept.push(one);
    if ('out' in one && !one.fates.has('tfjs')) written.push(one);
  }
  const answers = readPlainly(parent, written);
  for (const [index, one] of written.entries()) {
    const [masked, hard] = answers.slice(2 * index) as [PlainAnswer, PlainAnswer];
    one.fates.set('tfjs', compare(hard, masked));
    if (one.fates.has('onnx')) continue;
    if (withoutRuntime === '') one.fates.set('onnx', await judgeOnnx(one, hard));
  }
  judgeSources(written, (index) => answers[2 * index + 1]!);
  return swept;
}

async function pruneOne(parent: string, number: number, prune: Prune): Promise<Swept | Pruned> {
  const random = new RandomStream(seedOf('sweep arguments', number));
  const { model, isOfDigits, free } = randomNetwork(number);
  const folder = path.join(parent, `${number}`);
  // Keras 3 means another function by hard_sigmoid.
  const isHard = JSON.stringify(model.getConfig()).includes('hardSigmoid');
  const isKeras3 = chance(random, 0.2) && !isHard;
  const dialect = { isKeras3, shards: chance(random, 0.2) ? 2 : 1 } as const;
  const file = await writeOriginal(model, path.join(folder, 'original'), dialect);
  const isFree = model.inputs.some(({ shape }) => shape.slice(1).includes(null));
  const size = model.inputs.find(({ shape }) => shape.slice(1).includes(null))?.shape.slice(1);
  const out = path.join(folder, 'pruned');
  const common = [
    'prune',
    '--model',
    file,
    '--out',
    out,
    '--backend',
    'cpu',
    '--verify-samples',
    '3',
  ];
  const shape = isFree ? ['--input-shape', size!.map((length) => length ?? free).join()] : [];
  const args = [...common, ...shape, ...drawArguments(random, isOfDigits)];
  const below = boundIntegers(ChannelGraph.of(model));
  tf.dispose(model.weights.map((weight) => weight.read()));
  const fates = new Map<Form, Fate>();
  const one: Pruned = { number, args, folder, out, fates, free, below };
  const tensors = tf.memory().numTensors;
  const forms = ['tfjs', 'typescript', 'onnx'];
  for (;;) {
    const given = [
      ...args,
      '--format',
      [...forms, ...(random.next() < 0.3 ? ['sparse'] : [])].join(),
    ];
    const { code, text } = await prune(given);
    // What the library has begun when it finds no gradient, it does not free.
    if (code === 0 && tf.memory().numTensors !== tensors) {
      fates.set('memory', wrong(`${tf.memory().numTensors - tensors} tensors are left behind`));
    }
    if (code === 0) return one;
    const refusal = refused(one, code, text);
    const [, form = 'tfjs'] = (/without (onnx|typescript) in --format/.exec(text) ?? []) as [unknown, Form?]; // prettier-ignore
    fates.set(form, refusal);
    if (form === 'tfjs' || refusal.fate === 'wrong') {
      fates.set('tfjs', refusal);
      return one;
    }
    forms.splice(forms.indexOf(form), 1);
  }
}

const wrong = (reason: string): Fate => ({ fate: 'wrong', reason });

/** Whether a refusal is one: by its code, its words, and what it leaves. */
function refused({ folder }: Pruned, code: number, text: string): Fate {
  const left = fs.readdirSync(folder).filter((name) => name !== 'original');
  if (isStack(text)) return wrong(text);
  if (code !== 1 && code !== 2) return wrong(`exit code ${code}: ${text}`);
  if (left.length > 0) return wrong(`leaves ${left.join()} behind: ${text}`);
  return { fate: 'refused', reason: text };
}

/** What another process computes: the original, masked by pruning.json, and the pruned network. */
function readPlainly(parent: string, written: readonly Pruned[]): PlainAnswer[] {
  if (written.length === 0) return [];
  const plain = folderWithTensorFlow(path.join(parent, 'plain'));
  const requests = written.flatMap(
    ({ folder, out, free, below: integersBelow }): PlainRequest[] => {
      const manifest = path.join(out, 'pruning.json');
      const { weights } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { weights: object };
      const isThinned = Object.keys(weights).length > 0;
      const original = plainFolder(path.join(folder, 'original'));
      const how = { free, integersBelow };
      return [
        { folder: original, ...how, ...(isThinned ? { thinnedAs: out } : { manifest }) },
        { folder: out, ...how },
      ];
    },
  );
  return askPlainTensorFlow(plain, requests, { isTolerant: true }).answers;
}

function compare(received: PlainAnswer, expected: PlainAnswer): Fate {
  const error = expected.error ?? received.error;
  if (error !== undefined) return wrong(`${expected.error ? 'original' : 'pruned'}: ${error}`);
  if (JSON.stringify(received.shapes) !== JSON.stringify(expected.shapes)) {
    return wrong(
      `shapes ${JSON.stringify(received.shapes)}, not ${JSON.stringify(expected.shapes)}`,
    );
  }
  return nearness(gapOf(splitInOutputs(received), splitInOutputs(expected)));
}

function nearness(gap: number): Fate {
  return gap <= TOLERANCE
    ? { fate: 'equal', gap }
    : wrong(`differs by ${gap} of the largest output`);
}

function splitInOutputs({ output, shapes }: PlainAnswer): Values[] {
  let at = 0;
  return shapes.map((shape) => {
    const values = Float32Array.from(output.slice(at, (at += tf.util.sizeFromShape(shape))));
    return { shape, values };
  });
}

/** The inputs on which the other process computes. */
function inputsOf(model: tf.LayersModel, { free, below }: Pruned): tf.Tensor[] {
  return model.inputs.map(({ shape }, at) => {
    const sizes = [2, ...shape.slice(1).map((length) => length ?? free)];
    const values = Float32Array.from({ length: tf.util.sizeFromShape(sizes) }, (_, index) => {
      const value = Math.sin(index + 7 * at);
      return below[at] ? Math.floor(Math.abs(value) * below[at]) : value;
    });
    return tf.tensor(values, sizes);
  });
}

async function judgeOnnx(one: Pruned, expected: PlainAnswer): Promise<Fate> {
  const { model } = randomNetwork(one.number);
  const inputs = inputsOf(model, one);
  try {
    const bytes = fs.readFileSync(path.join(one.out, 'network.onnx'));
    return nearness(gapOf(await runOnnx(bytes, inputs), splitInOutputs(expected)));
  } catch (error) {
    return wrong(String(error));
  } finally {
    tf.dispose([inputs, model.weights.map((weight) => weight.read())]);
  }
}

/** Compiles all network.ts in one program and runs each with the weights beside it. */
function judgeSources(written: readonly Pruned[], expected: (index: number) => PlainAnswer): void {
  const sources = new Map<string, string>();
  for (const { number, out, fates } of written) {
    if (fates.has('typescript')) continue;
    sources.set(`network${number}`, fs.readFileSync(path.join(out, 'network.ts'), 'utf8'));
  }
  const { messages, modules } = compiled(sources);
  for (const [index, one] of written.entries()) {
    const name = `network${one.number}`;
    const made = modules.get(name);
    if (!made) continue;
    const said = messages.filter((message) => message.startsWith(`${name}.`));
    if (said.length > 0) one.fates.set('typescript', wrong(said.slice(0, 5).join('\n')));
    else
      one.fates.set(
        'typescript',
        tf.tidy(() => judgeSource(one, made, expected(index))),
      );
  }
}

function judgeSource(
  one: Pruned,
  {
    build,
    loadWeights,
  }: ReturnType<typeof compiled>['modules'] extends Map<string, infer G> ? G : never,
  expected: PlainAnswer,
): Fate {
  try {
    const model = loadWeights(build(), ...weightFiles(one.out));
    const values = valuesOf(model, inputsOf(model, one));
    model.dispose();
    return nearness(gapOf(values, splitInOutputs(expected)));
  } catch (error) {
    return wrong(String((error as Error).stack));
  }
}
