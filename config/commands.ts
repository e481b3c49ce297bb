/** The commands of the program: what each does, what it needs and examples of it. */

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
