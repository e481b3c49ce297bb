/**
 * Names from the papers and from other programs. Those that mean exactly what one of ours does are taken for it; for
 * the others there is what to say instead. What is saved of a run has our own names alone.
 */
import type { AllOptions, Key } from '../config';
import { methodIds } from '../methods/catalogue';
import { importances } from '../methods/importances';
import type { Importance } from '../methods/importances';
import { bare, kebab } from './nearest';

/** Other names of options, each with the key of the option that it is. */
export const optionAliases: Readonly<Record<string, Key>> = {
  lr: 'learningRate',
  bs: 'batchSize',
  wd: 'weightDecay',
  opt: 'optimizer',
  'num-epochs': 'epochs',
  'max-epochs': 'epochs',
  'lr-scheduler': 'lrSchedule',
  'lr-milestones': 'milestones',
  'lr-gamma': 'lrDecay',
  'lr-warmup-epochs': 'warmupEpochs',
  'random-seed': 'seed',
  'manual-seed': 'seed',
  architecture: 'arch',
  'num-classes': 'classes',
  'data-path': 'dataDir',
  'data-root': 'dataDir',
  output: 'out',
  'output-dir': 'out',
  'out-dir': 'out',
  'prune-rate': 'rate',
  'pruning-rate': 'rate',
  'pruning-ratio': 'rate',
  sparsity: 'rate',
  'final-sparsity': 'rate',
  'initial-sparsity': 'initialRate',
  'num-threads': 'threads',
  engine: 'backend',
};

/** Words that are no option, each with what there is instead. */
export const insteadOf: Readonly<Record<string, string>> = {
  patience:
    'there is no early stopping: the best epoch by the validation images is handed over, --epochs says how many there are, and Ctrl-C saves for --resume',
  'early-stopping':
    'the best epoch by the validation images is handed over; --epochs says how many there are',
  data: '--dataset NAME says which images, --data-dir DIR where they are',
  network: '--arch NAME builds a network, --model FILE reads one',
  net: '--arch NAME builds a network, --model FILE reads one',
  checkpoint:
    '--resume --run-dir DIR goes on with a run, --model FILE begins with a network in a file',
  load: '--model FILE reads a network, --resume --run-dir DIR goes on with a run',
  pretrained: '--model FILE begins with a network in a file',
  weights: '--model FILE begins with a network in a file',
  name: '--run-dir DIR names the folder of a run',
  'save-dir': '--run-dir DIR is the folder of a run, --out DIR that of the other commands',
  'log-dir': '--run-dir DIR is the folder of a run, with its log.jsonl',
  scheduler: '--lr-schedule is how the learning rate falls, --schedule how the pruning rate grows',
  gamma: '--lr-decay multiplies the learning rate at each of --milestones',
  'step-size': '--milestones names the epochs at which the learning rate falls',
  criterion: '--importance or --method is what is pruned by, --loss what the network answers',
  ratio: '--rate X is the fraction that is removed',
  amount: '--rate X is the fraction that is removed, --target-macs AMOUNT what stays at most',
  'keep-rate': '--rate X is the fraction that is removed: 1 less what is kept',
  'keep-ratio': '--rate X is the fraction that is removed: 1 less what is kept',
  'compress-rate': '--rate X is the fraction that is removed: 1 less what is kept',
  density: '--rate X is the fraction that is removed: 1 less what is kept',
  global: '--scope global ranks all layers together',
  iterations: '--prune-by step with --prune-from, --prune-every and --prune-until counts steps',
  frequency: '--prune-every N is how often, in epochs or steps by --prune-by',
  'begin-step': '--prune-by step --prune-from N is when the pruning begins',
  'end-step': '--prune-by step --prune-until N is when the pruning ends',
  alpha: '--distill-weight X is the share of the teacher in the loss',
  gpu: '--backend tensorflow takes the GPU where @tensorflow/tfjs-node-gpu is installed',
  cuda: '--backend tensorflow takes the GPU where @tensorflow/tfjs-node-gpu is installed',
  device: '--backend auto, tensorflow, wasm or cpu is what computes',
  workers: '--threads N is how many processor threads the engine uses',
  'num-workers': '--threads N is how many processor threads the engine uses',
  'image-size': '--input-shape H,W,C is the size of the images',
  'img-size': '--input-shape H,W,C is the size of the images',
  'val-split': '--validation-fraction X holds images out of those to learn from',
  verbose: 'there is no more to say; --quiet and --no-progress say less',
  'dry-run': '--print-config prints the options in use and stops',
  overwrite: '--force writes over another export',
};

/** What another name of a value stands for: its own option and, where the name says more, others beside it. */
export type Meaning = Partial<AllOptions>;

/** The criteria that are not called as a method is. */
const criteria = Object.entries<Importance>(importances).filter(
  ([name]) => !methodIds.some((id) => id === name),
);

/** Other names of values, by the key of their option. */
export const valueAliases: Readonly<Partial<Record<Key, Readonly<Record<string, Meaning>>>>> = {
  method: {
    sfp: { method: 'norm-filter', regrowth: 'soft' },
    asfp: { method: 'norm-filter', regrowth: 'soft', schedule: 'asymptotic' },
    norm: { method: 'norm-filter' },
    'l1-norm': { method: 'norm-filter', norm: 'l1' },
    'l2-norm': { method: 'norm-filter', norm: 'l2' },
    magnitude: { method: 'norm-weight' },
    'network-slimming': { method: 'slimming' },
    ...Object.fromEntries(criteria.map(meaningOf)),
  },
  dataset: { fmnist: { dataset: 'fashion-mnist' } },
  schedule: { cubic: { schedule: 'polynomial' } },
  lrSchedule: { 'cosine-annealing': { lrSchedule: 'cosine' } },
  scope: { local: { scope: 'uniform' }, layerwise: { scope: 'uniform' } },
  backend: { native: { backend: 'tensorflow' }, 'tfjs-node': { backend: 'tensorflow' } },
};

/** A criterion's name as that of its method, of filters where it has such a form. */
function meaningOf([name, { filter, weight, ...own }]: [string, Importance]): [string, Meaning] {
  return [name, { method: (filter ?? weight)!, ...own }];
}

/** What a value stands for that is another name; null where it is none. */
export function meaningOfValue(key: Key, value: unknown): Meaning | null {
  const names = valueAliases[key];
  if (typeof value !== 'string' || names === undefined) return null;
  const [, meaning = null] =
    Object.entries(names).find(([name]) => bare(name) === bare(value)) ?? [];
  return meaning;
}

/** The option that a name stands for, in whatever spelling; null where it stands for none. */
export function keyOfAlias(name: string): Key | null {
  const spelled = kebab(name);
  return Object.hasOwn(optionAliases, spelled) ? optionAliases[spelled]! : null;
}

/** What there is instead of an option that does not exist; null where nothing is known of the word. */
export function adviceOn(name: string): string | null {
  const spelled = kebab(name);
  return Object.hasOwn(insteadOf, spelled) ? insteadOf[spelled]! : null;
}
