/** The options of the network. */
import { findArchitecture } from '../../models/catalogue';
import { ids } from '../ids';
import { choice, optional, pathTo, spelledChoice, tuple, whole } from '../formats';
import { option, whereBuilt, whereModels } from '../option';
import { isGiven } from '../rule';
import type { Rule, Values } from '../rule';

/** Which network: one to build, or one in a file. */
export const modelOptions = {
  arch: option({
    doc: 'network to build',
    group: 'Model',
    format: spelledChoice(ids.arch, findArchitecture),
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
    doc: 'height, width and channels of the images that a built network takes, or at which one of free size is counted, proven and timed',
    group: 'Model',
    format: optional(
      tuple(whole({ from: 1 }), [1, 2, 3, 4], 'one to four whole numbers, 1 or more', 'H,W,C'),
    ),
    default: null,
    defaultDoc:
      "the network's own: 32,32,3 or 224,224,3; of free size that of the data set, else 64 for each free length",
    commands: ['export', 'flops', 'graph', 'prune'],
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
    format: optional(pathTo('FILE', 'the path of a model.json')),
    default: null,
    commands: whereModels,
  }),
};

const builtAlone = ['arch', 'shortcut', 'classes'] as const;

/** What they must hold together. */
export const modelRules: readonly Rule[] = [
  ...builtAlone.map((key) => ({
    key,
    isBroken: ({ model }: Values) => isGiven(model),
    problem: 'describes a network to build and cannot go with --model, which names one',
  })),
  {
    key: 'inputShape',
    isBroken: ({ model, inputShape }: Values) =>
      isGiven(inputShape) && !isGiven(model) && inputShape.length !== 3,
    problem: 'must be three whole numbers of a network to build: height, width and channels',
  },
];
