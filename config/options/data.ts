/** The options of the images. */
import { USUAL_FRACTION } from '../../data/recipe';
import { ids } from '../ids';
import { choice, flag, inputScale, list, optional, real, text, whole } from '../formats';
import { option, recipe, whereData } from '../option';
import type { Rule } from '../rule';

/** Which images, and how many of them. */
export const dataOptions = {
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
  inputScale: option({
    doc:
      "what the network takes of a pixel: (pixel / 255 - mean) / deviation, by the data set's own (standard) or yours, " +
      'one number or one per channel; pixel / 255 (unit), pixel / 127.5 - 1 (tf) or the pixel (raw); auto: what an ' +
      'export of ours says of itself, raw where the network begins with Rescaling or Normalization, else standard',
    group: 'Data',
    format: inputScale,
    default: 'auto',
    commands: [...whereData, 'sensitivity'],
    mayChange: true, // what it comes to decides, not how it is said
  }),
  validationFraction: option({
    doc: 'fraction of the training images held out to choose the best network',
    group: 'Data',
    format: real({ from: 0, below: 1 }),
    default: USUAL_FRACTION,
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
};

/** What they must hold together. */
export const dataRules: readonly Rule[] = [
  {
    key: 'validationFraction',
    isBroken: ({ split, validationFraction }) => split === 'validation' && validationFraction === 0,
    problem: 'holds no images out, so that there is no --split validation',
  },
];
