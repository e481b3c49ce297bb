/** The options of the training. */
import { ascending, choice, classWeights, flag, optional, pathTo, real, whole } from '../formats';
import { option, recipe, whereComputed, whereData } from '../option';
import { isGiven, isOneOf } from '../rule';
import type { Rule, Values } from '../rule';

/** How the weights are learnt. */
export const trainingOptions = {
  epochs: option({
    doc: 'passes over the training images',
    group: 'Training',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: recipe,
    commands: ['train'],
  }),
  moreEpochs: option({
    doc:
      'epochs beyond those, for which a run that is done goes on (--resume); --resume --epochs N of a run of fewer ' +
      'says the same; not with cosine, which ends with the epochs',
    group: 'Training',
    format: whole({ from: 0 }),
    default: 0,
    commands: ['train'],
    mayChange: true, // what comes after the epochs changes nothing of what comes before
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
  classWeights: option({
    doc:
      'what the samples of a class count in the loss: balanced makes up for classes with fewer training images; ' +
      'CLASS=X names factors, by name or label, 1 for the others',
    group: 'Training',
    format: classWeights,
    default: 'none',
    commands: ['train'],
  }),
  loss: option({
    doc:
      'what the network answers: softmax or sigmoid for probabilities, of one class of all or of each class by ' +
      'itself, logits for numbers before a softmax; auto reads it from how the network ends',
    group: 'Training',
    format: choice(['auto', 'softmax', 'sigmoid', 'logits']),
    default: 'auto',
    commands: [...whereData, 'sensitivity'],
  }),
  onNan: option({
    doc:
      'what becomes of a run whose loss or weights are no longer finite: stop, or lower the learning rate to a tenth ' +
      'and go on from the end of the last epoch, up to three times',
    group: 'Training',
    format: choice(['stop', 'lower']),
    default: 'stop',
    commands: ['train'],
    mayChange: true,
  }),
  teacher: option({
    doc:
      'network that the trained one also learns from: dense, which is that of --model before pruning, or the ' +
      'model.json of another for the same images and classes',
    group: 'Training',
    format: optional(pathTo('dense|FILE', 'dense or the path of a model.json', ['dense'])),
    default: null,
    defaultDoc: 'the labels alone',
    commands: ['train'],
  }),
  teacherLoss: option({
    doc: 'with --teacher FILE: what the teacher answers, as --loss says it of the trained network',
    group: 'Training',
    format: choice(['auto', 'softmax', 'sigmoid', 'logits']),
    default: 'auto',
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
};

/** What they must hold together. */
export const trainingRules: readonly Rule[] = [
  {
    key: 'milestones',
    isBroken: ({ milestones, epochs }) => isGiven(epochs) && (milestones?.[0] ?? 0) >= epochs,
    problem: 'must begin before --epochs ends, or the learning rate never falls',
  },
  {
    key: 'warmupEpochs',
    isBroken: ({ warmupEpochs, epochs }) =>
      isGiven(epochs) && isGiven(warmupEpochs) && warmupEpochs > epochs,
    problem: 'must be at most --epochs, or the learning rate is never reached',
  },
  ...(['milestones', 'lrDecay'] as const).map((key) => ({
    key,
    isBroken: (values: Values) =>
      isGiven(values[key]) && isOneOf(values.lrSchedule, ['cosine', 'constant']),
    problem: 'has no effect without --lr-schedule multi-step',
  })),
  {
    key: 'teacher',
    isBroken: ({ teacher, model }) => teacher === 'dense' && !isGiven(model),
    problem:
      'dense is the network of --model before pruning, which must be given: one freshly initialised knows ' +
      'nothing to teach',
  },
  {
    key: 'teacherLoss',
    isBroken: ({ teacher }) => !isGiven(teacher) || teacher === 'dense',
    problem: 'has no effect without --teacher FILE; that of --teacher dense answers as --loss says',
  },
  ...(['distillWeight', 'temperature'] as const).map((key) => ({
    key,
    isBroken: ({ teacher }: Values) => !isGiven(teacher),
    problem: 'has no effect without --teacher',
  })),
  {
    key: 'labelSmoothing',
    isBroken: ({ teacher, distillWeight, labelSmoothing }) =>
      isGiven(teacher) && distillWeight === 1 && labelSmoothing !== 0,
    problem: 'has no effect with --distill-weight 1, which leaves the labels out',
  },
  {
    key: 'classWeights',
    isBroken: ({ teacher, distillWeight, classWeights: weights }) =>
      isGiven(teacher) && distillWeight === 1 && weights !== 'none',
    problem: 'has no effect with --distill-weight 1, which leaves the labels out',
  },
  ...(['momentum', 'nesterov'] as const).map((key) => ({
    key,
    isBroken: ({ optimizer }: Values) => optimizer === 'adam',
    problem: 'has no effect with --optimizer adam',
  })),
];
