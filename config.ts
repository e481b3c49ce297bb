/**
 * The one table of options: a convict schema with, for each option, its documentation, format, default and group
 * in the help, and the commands that take it. Parsing, help, validation and the types come from it.
 *
 * Nothing here loads TensorFlow, so that `--help` answers at once. A new option is one entry whose default
 * changes nothing, so that older runs still resume.
 */
import type { Format } from './config/formats';
import {
  amount,
  ascending,
  choice,
  flag,
  list,
  optional,
  patternRate,
  real,
  text,
  tuple,
  weightPattern,
  units,
  whole,
} from './config/formats';
import { kebab } from './config/nearest';

/** The ids that the registries of models, data sets and methods hold; a test keeps them the same. */
export const ids = {
  // prettier-ignore
  arch: [
    'resnet20', 'resnet32', 'resnet44', 'resnet56', 'resnet110',
    'resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152',
    'alexnet', 'vgg9', 'vgg9_bn', 'vgg11', 'vgg11_bn', 'vgg13', 'vgg13_bn',
    'vgg16', 'vgg16_bn', 'vgg19', 'vgg19_bn', 'mobilenet_v1', 'mobilenet_v2',
    'mnasnet1_0', 'squeezenet1_0', 'squeezenet1_1', 'googlenet', 'densenet121',
    'efficientnet_b0',
  ],
  dataset: ['mnist', 'fashion-mnist', 'cifar10', 'cifar100'],
  // prettier-ignore
  method: [
    'fpgm', 'norm-filter', 'norm-weight', 'random-filter', 'random-weight', 'slimming',
    'taylor-filter', 'taylor-weight', 'entropy-filter', 'entropy-weight', 'apoz', 'lamp', 'none',
  ],
  // prettier-ignore
  importance: [
    'l1', 'l2', 'geometric-median', 'random', 'bn-scale', 'taylor', 'entropy', 'apoz', 'lamp',
  ],
  schedule: ['constant', 'one-shot', 'linear', 'geometric', 'polynomial', 'asymptotic'],
  format: ['tfjs', 'typescript', 'onnx', 'sparse'],
} as const;

/** What the program can do; the first is what it does when no command is named. */
export const commands = {
  train: {
    summary: 'train, prune while training, export the smaller network',
    needs: [],
    examples: [
      ['--method fpgm --rate 0.3', 'train and prune a ResNet-20 on MNIST'],
      ['--arch resnet56 --dataset cifar10 --data-dir data/cifar10', 'your own copy of CIFAR-10'],
      ['--resume', 'go on with the newest unfinished run'],
    ],
  },
  prune: {
    summary: 'prune a trained network in one go, without training',
    needs: ['model', 'out'],
    examples: [
      ['--model net/model.json --out small', 'remove 30 % of the filters'],
      ['--model net/model.json --out small --method norm-filter --rate 0.5', 'half, by their norm'],
      ['--model net/model.json --out levels --rates 0.1,0.3,0.5', 'three networks at once'],
    ],
  },
  evaluate: {
    summary: 'measure the accuracy of a network on a data set',
    needs: ['model'],
    examples: [
      ['--model small/model.json', 'on the MNIST test images'],
      ['--model small/model.json --split validation', 'on the images held out from training'],
      ['--model small/model.json --dataset fashion-mnist --json', 'for another program to read'],
    ],
  },
  sensitivity: {
    summary: 'measure what each part of a trained network loses at each rate',
    needs: ['model', 'out'],
    examples: [
      ['--model net/model.json --out scan', 'rates 0.1 to 0.9 on the MNIST validation images'],
      [
        '--model net/model.json --out scan --tolerance 1',
        'and the rates that cost 1 point: prune --layer-rate-file scan/rates.json',
      ],
      ['--model net/model.json --out scan --method norm-weight --rates 0.9', 'single weights'],
    ],
  },
  export: {
    summary: 'write a network as a stock TensorFlow.js model',
    needs: ['out'],
    examples: [
      ['--model net/model.json --out web', 'the small network that a masked one holds'],
      ['--arch resnet56 --seed 1 --out fresh', 'a freshly initialised network'],
      ['--arch resnet20 --shortcut B --classes 100 --out fresh', 'with 100 classes'],
    ],
  },
  flops: {
    summary: 'count multiply-adds and parameters, layer by layer',
    needs: [],
    examples: [
      ['--arch resnet56', 'of a network that we know'],
      ['--model net/model.json', 'of a network in a file'],
      ['--arch resnet20 --input-shape 28,28,1 --json', 'for another image size, as JSON'],
    ],
  },
  graph: {
    summary: 'show which channels must be pruned together',
    needs: [],
    examples: [
      ['--model net/model.json --residual inner', 'only those inside the blocks'],
      ['--arch resnet20 --schema', 'which layers lose channels together, as a file to edit'],
      ['--arch resnet20 --svg network.svg', 'a drawing, channel groups in colours'],
    ],
  },
  doctor: {
    summary: 'say which engine computes here, what is missing and how to mend it',
    needs: [],
    examples: [
      ['', 'what there is'],
      ['--backend tensorflow', 'why the native engine does not load'],
      ['--json', 'for a bug report'],
    ],
  },
} as const;

/** A command of the program. */
export type Command = keyof typeof commands;

/** All commands, in the order of the help. */
export const commandNames = Object.keys(commands) as Command[];

/** The headings of the help, in its order. */
export const groups = ['Model', 'Data', 'Pruning', 'Training', 'Engine', 'Run'] as const;

/** One option before it has its names. */
export interface OptionEntry<T, C extends Command> {
  /** What the option does, without a full stop. */
  readonly doc: string;
  readonly group: (typeof groups)[number];
  readonly format: Format<T>;
  readonly default: NoInfer<T>; // the format alone says what the type is
  /** What the default means where its value does not say it. */
  readonly defaultDoc?: string;
  /** The commands that take it. */
  readonly commands: readonly C[];
  /** Whether a resumed run may change it: true where the trained network does not depend on it. */
  readonly mayChange?: boolean;
  /** Whether it is of one call only and is not saved with a run. */
  readonly isOfTheCall?: boolean;
}

/** One option of the schema: `arg` and `env` are its names on the command line and in the environment. */
export type Option<T = unknown, C extends Command = Command> = OptionEntry<T, C> & {
  readonly arg: string;
  readonly env: string;
};

const everywhere = commandNames;
const whereModels = [
  'train',
  'prune',
  'evaluate',
  'sensitivity',
  'export',
  'flops',
  'graph',
] as const;
const whereBuilt = ['train', 'export', 'flops', 'graph'] as const;
const whereData = ['train', 'evaluate', 'prune'] as const;
const wherePruned = ['train', 'prune'] as const;
const whereChosen = ['train', 'prune', 'sensitivity'] as const;
const whereComputed = ['train', 'prune', 'evaluate', 'sensitivity', 'export'] as const;
const recipe = "the data set's recipe";

/** The convict schema, by the key under which a config file holds the option. */
export const schema = named({
  // Model
  arch: option({
    doc: 'network to build',
    group: 'Model',
    format: choice(ids.arch),
    default: 'resnet20',
    commands: whereBuilt,
  }),
  shortcut: option({
    doc: 'shortcut where the width changes: A pads with zeros, B is a 1x1 convolution',
    group: 'Model',
    format: optional(choice(['A', 'B'], 'A|B')),
    default: null,
    defaultDoc: "the network's own: A in resnet20 to resnet110, else B",
    commands: whereBuilt,
  }),
  inputShape: option({
    doc: 'height, width and channels of the images that the built network takes',
    group: 'Model',
    format: optional(tuple(whole({ from: 1 }), 3, 'three whole numbers, 1 or more', 'H,W,C')),
    default: null,
    defaultDoc: "the network's own: 32,32,3 or 224,224,3",
    commands: ['export', 'flops', 'graph'],
  }),
  classes: option({
    doc: 'classes that the built network tells apart',
    group: 'Model',
    format: optional(whole({ from: 2 })),
    default: null,
    defaultDoc: "the network's own: 10 or 1000",
    commands: ['export', 'flops', 'graph'],
  }),
  model: option({
    doc: 'network in a file: the model.json of a TensorFlow.js LayersModel',
    group: 'Model',
    format: optional(text('FILE', 'the path of a model.json')),
    default: null,
    commands: whereModels,
  }),

  // Data
  dataset: option({
    doc: 'images to learn from; mnist comes with the program; prune then measures, and with --rates takes but the name',
    group: 'Data',
    format: choice(ids.dataset),
    default: 'mnist',
    commands: ['train', 'evaluate', 'prune', 'sensitivity'],
  }),
  dataDir: option({
    doc: 'folder that holds the files of the data set',
    group: 'Data',
    format: optional(text('DIR', 'the path of a folder')),
    default: null,
    defaultDoc: 'the usual places',
    commands: [...whereData, 'sensitivity'],
    mayChange: true, // the fingerprint of the data decides, not its place
  }),
  download: option({
    doc: 'fetch the data set when it is not there, and check its size and SHA-256',
    group: 'Data',
    format: flag,
    default: false,
    commands: [...whereData, 'sensitivity'],
    mayChange: true,
  }),
  subsetClasses: option({
    doc: 'only the images of these classes, by name or label; the network tells no others apart',
    group: 'Data',
    format: list(text('CLASS'), 'names or labels of classes', 'CLASSES'),
    default: [],
    defaultDoc: 'all classes',
    commands: [...whereData, 'sensitivity'],
  }),
  validationFraction: option({
    doc: 'fraction of the training images held out to choose the best network',
    group: 'Data',
    format: real({ from: 0, below: 1 }),
    default: 0.1,
    commands: [...whereData, 'sensitivity'],
  }),
  limitTrain: option({
    doc: 'use only N training images, balanced by class; 0 takes all',
    group: 'Data',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: whereData,
  }),
  limitTest: option({
    doc: 'use only N test images, balanced by class; 0 takes all',
    group: 'Data',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: whereData,
  }),
  limitValidation: option({
    doc: 'use only N of the images held out, balanced by class; 0 takes all',
    group: 'Data',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: ['sensitivity', 'prune'],
  }),
  augment: option({
    doc: 'random crops and flips; auto does what the recipe of the data set says',
    group: 'Data',
    format: choice(['auto', 'on', 'off'], 'WHEN'),
    default: 'auto',
    commands: ['train'],
  }),
  split: option({
    doc: 'images to measure on',
    group: 'Data',
    format: choice(['validation', 'test']),
    default: 'test',
    commands: ['evaluate'],
  }),

  // Pruning
  method: option({
    doc:
      'what goes: the filters or single weights that this method scores lowest, such as filters near the ' +
      'geometric median (fpgm) or of small norm; or nothing',
    group: 'Pruning',
    format: choice(ids.method, 'METHOD'),
    default: 'fpgm',
    commands: whereChosen,
  }),
  importance: option({
    doc: 'the method by its criterion, with --unit; another spelling of --method (and of --norm)',
    group: 'Pruning',
    format: optional(choice(ids.importance, 'CRITERION')),
    default: null,
    defaultDoc: '--method says it',
    commands: whereChosen,
  }),
  unit: option({
    doc: 'with --importance: what is removed, whole filters or single weights',
    group: 'Pruning',
    format: optional(choice(['filter', 'weight'], 'filter|weight')),
    default: null,
    defaultDoc: 'filter, but weight for lamp',
    commands: whereChosen,
  }),
  rate: option({
    doc: 'fraction of the filters or weights that is removed',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0.3,
    commands: wherePruned,
  }),
  rates: option({
    doc:
      'several fractions to remove, each from the whole network: measured, or stored as ' +
      '{out}/{dataset}/{subset}/{network}_{percent}.ts with the weights in the folder of that name',
    group: 'Pruning',
    format: ascending(real({ above: 0, below: 1 }), 'numbers in (0, 1), ascending', 'RATES'),
    default: [],
    defaultDoc: 'one network, at --rate; sensitivity: 0.1 to 0.9 in steps of 0.1',
    commands: ['prune', 'sensitivity'],
  }),
  subset: option({
    doc: 'with --rates: name of the classes that the network tells apart',
    group: 'Pruning',
    format: text('NAME', 'a name'),
    default: 'all',
    commands: ['prune'],
  }),
  layerRate: option({
    doc: 'rates of single layers, named as with --skip; of two rules for a layer the later one counts',
    group: 'Pruning',
    format: list(patternRate, 'rules PATTERN=X with X in [0, 1)', 'PATTERN=X'),
    default: [],
    defaultDoc: '--rate for all layers',
    commands: wherePruned,
  }),
  layerRateFile: option({
    doc: 'file of such rates, as sensitivity --tolerance writes it; --layer-rate counts after it',
    group: 'Pruning',
    format: optional(text('FILE', 'the path of a rates.json')),
    default: null,
    commands: wherePruned,
    isOfTheCall: true, // its rules are saved with the run
  }),
  tolerance: option({
    doc:
      'points of accuracy that each group may lose by itself: writes the highest rates that keep to it as ' +
      '{out}/rates.json',
    group: 'Pruning',
    format: optional(real({ from: 0 })),
    default: null,
    defaultDoc: 'no such file',
    commands: ['sensitivity'],
    mayChange: true,
  }),
  targetMacs: option({
    doc: 'instead of --rate: multiply-adds that stay at most',
    group: 'Pruning',
    format: optional(amount(units.count, '20M')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetParams: option({
    doc: 'instead of --rate: parameters that stay at most',
    group: 'Pruning',
    format: optional(amount(units.count, '300k')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetBytes: option({
    doc:
      'instead of --rate: bytes of the weight files that stay at most, model.json not counted; where prune ' +
      'removes single weights with --format sparse, of the compressed file',
    group: 'Pruning',
    format: optional(amount(units.bytes, '1.2MB')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetLatency: option({
    doc:
      'instead of --rate: time of one forward pass, measured here on the engine in use as the median of 30; ' +
      'a bare number is in ms',
    group: 'Pruning',
    format: optional(amount(units.milliseconds, '5ms')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  maxDrop: option({
    doc:
      'instead of --rate: points of accuracy on the validation images that may be lost; searches the highest ' +
      'rate',
    group: 'Pruning',
    format: optional(real({ from: 0, below: 100 })),
    default: null,
    defaultDoc: '--rate',
    commands: ['prune'],
  }),
  bnBatches: option({
    doc:
      'training batches on which the averages of BatchNormalization are measured anew before the network is written; ' +
      '0 keeps those of the training',
    group: 'Pruning',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: '0; 10 with --max-drop',
    commands: wherePruned,
  }),
  norm: option({
    doc: 'norm that ranks filters: sum of absolute values or Euclidean length',
    group: 'Pruning',
    format: choice(['l1', 'l2'], 'l1|l2'),
    default: 'l2',
    commands: whereChosen,
  }),
  normRate: option({
    doc: 'with fpgm: fraction removed by the norm first (the mixed form)',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: wherePruned,
  }),
  distance: option({
    doc: 'with fpgm: how far apart two filters are; the paper has l2',
    group: 'Pruning',
    format: choice(['l1', 'l2', 'cosine']),
    default: 'l2',
    commands: whereChosen,
  }),
  entropyOf: option({
    doc: 'with entropy-filter: what the entropy is of, the weights of a filter or its activations',
    group: 'Pruning',
    format: choice(['weights', 'activations']),
    default: 'weights',
    commands: whereChosen,
  }),
  entropyBins: option({
    doc: 'with --entropy-of activations: equal parts that the range of a filter is cut into',
    group: 'Pruning',
    format: whole({ from: 2 }),
    default: 100,
    commands: whereChosen,
  }),
  scalePenalty: option({
    doc: 'with slimming: weight in the loss of the sum of the scales of BatchNormalization, by magnitude',
    group: 'Pruning',
    format: real({ from: 0 }),
    default: 1e-4,
    commands: ['train'],
  }),
  observeBatches: option({
    doc:
      'batches of training images that a method looks at before it chooses, where it reads gradients ' +
      '(taylor) or activations (apoz, entropy)',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 10,
    commands: whereChosen,
  }),
  regrowth: option({
    doc:
      'soft: what was removed still learns and may come back; hard: it stays zero; gradual: a part that grows ' +
      'to all of it stays zero. After the last pruning everything removed stays zero',
    group: 'Pruning',
    format: choice(['soft', 'hard', 'gradual']),
    default: 'hard',
    commands: ['train'],
  }),
  pattern: option({
    doc:
      'with methods of single weights: N:M keeps the best N of each M inputs and sets the rate to 1 - N/M, ' +
      'RxC removes whole blocks of R inputs and C filters',
    group: 'Pruning',
    format: weightPattern,
    default: 'none',
    commands: wherePruned,
  }),
  scope: option({
    doc:
      'uniform: every group loses the rate; global: one ranking over all groups; adaptive: one of scores ' +
      'that each group has normalised',
    group: 'Pruning',
    format: choice(['uniform', 'global', 'adaptive']),
    default: 'uniform',
    commands: wherePruned,
  }),
  merge: option({
    doc: 'how the layers that share channels agree on which of them go',
    group: 'Pruning',
    format: choice(['mean', 'sum', 'max', 'and', 'or', 'score']),
    default: 'mean',
    commands: whereChosen,
  }),
  residual: option({
    doc:
      'residual streams: coupled prunes them with their layers, inner only inside the blocks, ' +
      'stream keeps them at full width',
    group: 'Pruning',
    format: choice(['coupled', 'inner', 'stream']),
    default: 'coupled',
    commands: ['train', 'prune', 'graph', 'sensitivity'],
  }),
  roundTo: option({
    doc: 'bring the channels kept to a multiple of N, which engines compute faster; 1 rounds nothing',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: whereChosen,
  }),
  rounding: option({
    doc: 'with --round-to: the next multiple up or down, or the nearest',
    group: 'Pruning',
    format: choice(['up', 'down', 'nearest']),
    default: 'up',
    commands: whereChosen,
  }),
  minRate: option({
    doc: 'with --scope global or adaptive: fraction that every layer loses at least',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: wherePruned,
  }),
  maxRate: option({
    doc: 'with --scope global or adaptive: fraction that every layer loses at most',
    group: 'Pruning',
    format: real({ above: 0, to: 1 }),
    default: 1,
    commands: wherePruned,
  }),
  minKeep: option({
    doc: 'channels that every group keeps at least',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: whereChosen,
  }),
  skip: option({
    doc:
      'leave these layers whole: by name, where * stands for any characters but /, by class ' +
      '(class:Conv2D) or by their part in a block (role:block.inner)',
    group: 'Pruning',
    format: list(text('PATTERN'), 'patterns of layer names', 'PATTERNS'),
    default: [],
    defaultDoc: 'none',
    commands: whereChosen,
  }),
  only: option({
    doc: 'prune no layers but these, named as with --skip',
    group: 'Pruning',
    format: list(text('PATTERN'), 'patterns of layer names', 'PATTERNS'),
    default: [],
    defaultDoc: 'all layers',
    commands: whereChosen,
  }),
  schemaFile: option({
    doc: 'dependency schema to respect: may couple further layers, or leave some whole',
    group: 'Pruning',
    format: optional(text('FILE', 'the path of a JSON file')),
    default: null,
    defaultDoc: 'what the network itself asks for',
    commands: ['graph', 'prune', 'sensitivity'],
  }),
  compat: option({
    doc: 'paper: choose and mask exactly as the published code does',
    group: 'Pruning',
    format: choice(['none', 'paper'], 'none|paper'),
    default: 'none',
    commands: wherePruned,
  }),
  schedule: option({
    doc:
      'how the rate grows: constant has all of it at every pruning, one-shot at a single one; linear, ' +
      'geometric, polynomial and asymptotic reach it at the last',
    group: 'Pruning',
    format: choice(ids.schedule),
    default: 'constant',
    commands: ['train'],
  }),
  initialRate: option({
    doc: 'with linear, polynomial or asymptotic: fraction removed at the first pruning',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: ['train'],
  }),
  pruneBy: option({
    doc: 'what --prune-from, --prune-every and --prune-until count',
    group: 'Pruning',
    format: choice(['epoch', 'step'], 'epoch|step'),
    default: 'epoch',
    commands: ['train'],
  }),
  pruneEvery: option({
    doc: 'epochs or steps between two prunings',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: ['train'],
  }),
  pruneFrom: option({
    doc: 'epoch or step that ends with the first pruning, counted from 0',
    group: 'Pruning',
    format: whole({ from: 0 }),
    default: 0,
    commands: ['train'],
  }),
  pruneUntil: option({
    doc: 'epoch or step that ends with the last pruning, after which nothing is chosen anew',
    group: 'Pruning',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: 'the last of the run',
    commands: ['train'],
  }),

  // Training
  epochs: option({
    doc: 'passes over the training images',
    group: 'Training',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  batchSize: option({
    doc: 'images per step',
    group: 'Training',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: recipe,
    commands: [...whereData, 'sensitivity'],
  }),
  optimizer: option({
    doc: 'rule that turns gradients into steps',
    group: 'Training',
    format: optional(choice(['sgd', 'adam'], 'sgd|adam')),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  learningRate: option({
    doc: 'learning rate after the warm-up',
    group: 'Training',
    format: optional(real({ above: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  lrSchedule: option({
    doc: 'how the learning rate falls',
    group: 'Training',
    format: optional(choice(['cosine', 'multi-step', 'constant'])),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  milestones: option({
    doc: 'with multi-step: epochs at which the learning rate falls, counted from 0',
    group: 'Training',
    format: optional(
      ascending(whole({ from: 1 }), 'whole numbers, 1 or more and ascending', 'EPOCHS'),
    ),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  lrDecay: option({
    doc: 'with multi-step: what the learning rate is multiplied by at each milestone',
    group: 'Training',
    format: optional(real({ above: 0, to: 1 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  warmupEpochs: option({
    doc: 'epochs in which the learning rate rises; 0 for none',
    group: 'Training',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  momentum: option({
    doc: 'with sgd: momentum',
    group: 'Training',
    format: real({ from: 0, below: 1 }),
    default: 0.9,
    commands: ['train'],
  }),
  nesterov: option({
    doc: 'with sgd: look ahead, as Nesterov does',
    group: 'Training',
    format: flag,
    default: true,
    commands: ['train'],
  }),
  weightDecay: option({
    doc: 'fraction of each kernel that a step takes off, times the learning rate',
    group: 'Training',
    format: optional(real({ from: 0 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  labelSmoothing: option({
    doc: 'share of the target that goes to all classes alike',
    group: 'Training',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: ['train'],
  }),
  teacher: option({
    doc:
      'network that the trained one also learns from: dense, which is that of --model before pruning, or the ' +
      'model.json of another for the same images and classes',
    group: 'Training',
    format: optional(text('dense|FILE', 'dense or the path of a model.json')),
    default: null,
    defaultDoc: 'the labels alone',
    commands: ['train'],
  }),
  distillWeight: option({
    doc: 'with --teacher: share of the loss that compares with its answers; the labels get the rest',
    group: 'Training',
    format: real({ above: 0, to: 1 }),
    default: 0.5,
    commands: ['train'],
  }),
  temperature: option({
    doc: 'with --teacher: what both answers are divided by before they are compared; more is softer',
    group: 'Training',
    format: real({ above: 0 }),
    default: 4,
    commands: ['train'],
  }),
  seed: option({
    doc: 'number that every random choice is computed from',
    group: 'Training',
    format: whole({}),
    default: 1,
    commands: whereComputed,
  }),

  // Engine
  backend: option({
    doc: 'engine that computes; auto takes the fastest that loads',
    group: 'Engine',
    format: choice(['auto', 'tensorflow', 'wasm', 'cpu']),
    default: 'auto',
    commands: [...whereComputed, 'doctor'],
    mayChange: true, // another engine goes on with the same state, rounded its own way
  }),
  threads: option({
    doc: 'processor threads that the engine uses',
    group: 'Engine',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: 'all cores',
    commands: [...whereComputed, 'doctor'],
    mayChange: true,
  }),

  // Run
  runDir: option({
    doc: 'folder of the run; --resume goes on in it',
    group: 'Run',
    format: optional(text('DIR', 'the path of a folder')),
    default: null,
    defaultDoc: 'a dated folder under runs/',
    commands: ['train'],
    isOfTheCall: true,
  }),
  resume: option({
    doc: 'go on with an interrupted run: that of --run-dir, else the newest unfinished one',
    group: 'Run',
    format: flag,
    default: false,
    commands: ['train'],
    isOfTheCall: true,
  }),
  out: option({
    doc: 'folder to write to',
    group: 'Run',
    format: optional(text('DIR', 'the path of a folder')),
    default: null,
    commands: ['prune', 'export', 'sensitivity'],
    isOfTheCall: true,
  }),
  format: option({
    doc:
      'what is written: tfjs, the model.json; typescript, the source network.ts beside it; ' +
      'onnx, the file network.onnx; sparse, the compressed weights.sparse, small where single weights went',
    group: 'Run',
    format: list(choice(ids.format), `a list of ${ids.format.join(', ')}`, 'FORMATS'),
    default: ['tfjs'],
    commands: ['train', 'prune', 'export'],
    mayChange: true,
  }),
  verifySamples: option({
    doc: 'images on which the written network is compared with the one it comes from',
    group: 'Run',
    format: whole({ from: 1 }),
    default: 64,
    commands: ['train', 'prune', 'export'],
    mayChange: true,
  }),
  checkpointEvery: option({
    doc: 'steps between two checkpoints',
    group: 'Run',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: 'at the end of each epoch',
    commands: ['train'],
    mayChange: true,
  }),
  keepCheckpoints: option({
    doc: 'newest checkpoints that are kept, besides the best',
    group: 'Run',
    format: whole({ from: 1 }),
    default: 2,
    commands: ['train'],
    mayChange: true,
  }),
  json: option({
    doc: 'write the result to stdout as JSON instead of a table',
    group: 'Run',
    format: flag,
    default: false,
    commands: everywhere,
    isOfTheCall: true,
  }),
  schema: option({
    doc: 'print the dependency schema alone, as JSON that may be edited, without the table of groups',
    group: 'Run',
    format: flag,
    default: false,
    commands: ['graph'],
    isOfTheCall: true,
  }),
  dot: option({
    doc: 'print the network as text for Graphviz, channel groups in colours',
    group: 'Run',
    format: flag,
    default: false,
    commands: ['graph'],
    isOfTheCall: true,
  }),
  svg: option({
    doc: 'draw the network to a file, channel groups in colours',
    group: 'Run',
    format: optional(text('FILE', 'the path of a file to write')),
    default: null,
    commands: ['graph'],
    isOfTheCall: true,
  }),
  quiet: option({
    doc: 'write nothing to stderr but warnings and errors',
    group: 'Run',
    format: flag,
    default: false,
    commands: everywhere,
    isOfTheCall: true,
  }),
  progress: option({
    doc: 'show how far the work is: a bar on a terminal, else a line every 10 seconds',
    group: 'Run',
    format: flag,
    default: true,
    commands: whereComputed,
    isOfTheCall: true,
  }),
  config: option({
    doc: 'JSON file of options, such as the config.json of a run',
    group: 'Run',
    format: optional(text('FILE', 'the path of a JSON file')),
    default: null,
    commands: everywhere,
    isOfTheCall: true,
  }),
  printConfig: option({
    doc: 'print the options in use as JSON and where each one comes from, and stop',
    group: 'Run',
    format: flag,
    default: false,
    commands: everywhere,
    isOfTheCall: true,
  }),
});

/**
 * Variables that start with SECATEUR_ and are no option, with what each one does: the set-up of the engine reads
 * them. They are listed here since a variable that nobody reads is an error.
 */
export const otherVariables: Readonly<Record<string, string>> = {
  SECATEUR_CACHE: 'folder of the native engine, which several checkouts share',
  SECATEUR_NATIVE: 'off: installing does not set up the native engine',
};

/** The key of an option, as a config file spells it. */
export type Key = keyof typeof schema;

/** The options by key, in the order of the table. */
export const options = new Map(Object.entries(schema)) as ReadonlyMap<Key, Option>;

type ValueOf<K extends Key> = (typeof schema)[K]['format'] extends Format<infer T> ? T : never;

/** The resolved options of one command: only those that it takes. */
export type ConfigOf<C extends Command> = {
  readonly [K in Key as C extends (typeof schema)[K]['commands'][number] ? K : never]: ValueOf<K>;
};

/** Every option there is; a command holds those that it takes. */
export type AllOptions = { readonly [K in Key]: ValueOf<K> };

function option<T, const C extends Command>(entry: OptionEntry<T, C>): OptionEntry<T, C> {
  return entry;
}

type Named<E> = { readonly [K in keyof E]: E[K] & { readonly arg: string; readonly env: string } };

/** Adds the two names that follow from the key: `learningRate`, `--learning-rate`, `SECATEUR_LEARNING_RATE`. */
function named<E extends Record<string, object>>(entries: E): Named<E> {
  const pairs = Object.entries(entries).map(([key, entry]) => {
    const arg = kebab(key);
    return [key, { ...entry, arg, env: `SECATEUR_${arg.toUpperCase().replaceAll('-', '_')}` }];
  });
  return Object.fromEntries(pairs) as Named<E>; // same keys, each value with its names added
}
