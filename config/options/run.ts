/** The options of a call: where it writes, what it prints. */
import { formatCatalogue, formatIds } from '../../formats/catalogue';
import { choice, flag, list, optional, text, whole } from '../formats';
import { everywhere, option, whereComputed } from '../option';
import type { Rule, Values } from '../rule';

/** What is written, where, and what is said of it. */
export const runOptions = {
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
    doc: 'go on with an interrupted run: --resume DIR or that of --run-dir, else the newest unfinished one',
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
  force: option({
    doc: 'write to --out even where an export of another network is; a network that is read is never replaced',
    group: 'Run',
    format: flag,
    default: false,
    commands: ['prune', 'export'],
    isOfTheCall: true,
  }),
  format: option({
    doc: `what is written: ${formatIds.map((id) => `${id}, ${formatCatalogue[id].doc}`).join('; ')}`,
    group: 'Run',
    format: list(choice(formatIds), `a list of ${formatIds.join(', ')}`, 'FORMATS'),
    default: ['tfjs'],
    commands: ['train', 'prune', 'export'],
    mayChange: true,
  }),
  verifySamples: option({
    doc: 'images on which the written network is compared with the one it comes from',
    group: 'Run',
    format: whole({ from: 1 }),
    default: 64,
    defaultDoc: '64; in export 2, which takes nothing away',
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
};

/** What they must hold together. */
export const runRules: readonly Rule[] = [
  {
    key: 'format',
    isBroken: ({ format }) => format?.includes('tfjs') === false,
    problem: 'must name tfjs, beside which the other files go',
  },
  ...(['json', 'schema'] as const).map((other) => ({
    key: 'dot' as const,
    isBroken: (values: Values) => values.dot === true && values[other] === true,
    problem: `cannot go with --${other}: each is a form of the whole output`,
  })),
];
