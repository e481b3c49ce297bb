import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { canPlay } from '../tfjs/layer-kind';
import { behind, show } from './draft';
import type { Draft, Piece } from './draft';

/** Classes of this library with an activation behind what they compute. */
const activated = new Set([
  ...['Activation', 'Dense', 'Conv1D', 'Conv2D', 'Conv3D', 'Conv2DTranspose', 'Conv3DTranspose'],
  ...['DepthwiseConv2D', 'SeparableConv2D'],
]);

/** Classes with activations inside. */
const recurrent = new Set([
  ...['SimpleRNN', 'GRU', 'LSTM', 'ConvLSTM2D', 'SimpleRNNCell', 'GRUCell', 'LSTMCell'],
  'ConvLSTM2DCell',
]);

/** Layers without weights that Keras lets stand for an activation. */
const asLayers = new Set(['ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Softmax']);

/** What computes an activation behind piece `x`. */
type Expansion = (draft: Draft, x: number) => readonly Piece[];

/** max(0, min(1, x / 6 + 1 / 2)): what Keras 3 calls hard_sigmoid. */
const hardSigmoid: Expansion = (draft) => [
  behind(draft, 'sixth', 'Rescaling', { scale: 1 / 6, offset: 0.5 }),
  behind(draft, 'gate', 'ReLU', { maxValue: 1 }),
];

const hardSilu: Expansion = (draft, x) => [
  ...hardSigmoid(draft, x),
  behind(draft, 'gated', 'Multiply', {}, [x, x + 2]),
];

/**
 * x / 2 * (1 + tanh(u / 2)) = x * sigmoid(u), u = x * (c + 0.044715 * c * x^2), c = sqrt(8 / pi).
 *
 * No layer reads one tensor twice: TensorFlow.js frees it too early.
 */
const geluNew: Expansion = (draft, x) => {
  const c = Math.sqrt(8 / Math.PI);
  return [
    behind(draft, 'scaled', 'Rescaling', { scale: 0.044715 * c, offset: 0 }),
    behind(draft, 'squared', 'Multiply', {}, [x, x + 1]),
    behind(draft, 'slope', 'Rescaling', { scale: 1, offset: c }),
    behind(draft, 'bent', 'Multiply', {}, [x, x + 3]),
    behind(draft, 'gate', 'Activation', { activation: 'sigmoid' }),
    behind(draft, 'gated', 'Multiply', {}, [x, x + 5]),
  ];
};

/** Activations that TensorFlow.js does not read, in layers that it does. */
const expansions: Readonly<Record<string, Expansion>> = {
  geluNew, // TensorFlow.js writes its own gelu_new and then looks for this name
  hardSilu,
  hardSwish: hardSilu,
  leakyRelu: (draft) => [behind(draft, 'leaky', 'LeakyReLU', { alpha: 0.2 })],
};

function expansionOf(name: string, { isKeras3 }: Draft): Expansion | undefined {
  if (isKeras3 && name === 'hardSigmoid') return hardSigmoid; // Keras 2 and this library have another
  return Object.hasOwn(expansions, name) ? expansions[name] : undefined;
}

/**
 * Puts an activation that only other layers compute behind the pieces; refuses one that none do.
 *
 * @param piecesOf translates a layer that stands for an activation.
 */
export function withActivation(
  pieces: readonly Piece[],
  draft: Draft,
  piecesOf: (draft: Draft) => readonly Piece[],
): readonly Piece[] {
  if (recurrent.has(draft.className)) checkInner(draft);
  const { activation = null } = draft.config;
  if (activation === null || !activated.has(draft.className)) return pieces;
  const x = pieces.length - 1;
  const last = pieces[x]!;
  const linear = { ...last, config: { ...last.config, activation: 'linear' } };
  if (typeof activation === 'string') {
    const expansion = expansionOf(activation, draft);
    if (expansion) return [...pieces.slice(0, x), linear, ...expansion(draft, x)];
    return canPlay(activation, 'activation') ? pieces : refuseUnknown(activation, draft);
  }
  const layer = layerIn(activation, draft);
  if (!layer) return pieces;
  return [...pieces.slice(0, x), linear, ...piecesOf(layer).map((piece) => later(piece, x))];
}

/** A piece of a layer that reads piece `x`, counted among the pieces up to that one. */
function later(piece: Piece, x: number): Piece {
  if (!piece.reads) return piece;
  return { ...piece, reads: piece.reads.map((read) => (read === 'input' ? x : read + x + 1)) };
}

/** The layer that stands for an activation, to be translated. */
function layerIn(activation: JsonValue, draft: Draft): Draft | null {
  if (!isJsonObject(activation)) return null;
  const { className, config } = activation;
  if (typeof className !== 'string' || !asLayers.has(className)) return null;
  const options: JsonObject = isJsonObject(config) ? config : {};
  const { config: named } = behind(draft, 'activation', className);
  return { ...draft, className, config: { ...options, ...named } };
}

/** Activations of the gates and states of a recurrent layer: by name, or not at all. */
function checkInner(draft: Draft): void {
  for (const key of ['activation', 'recurrentActivation']) {
    const activation = draft.config[key] ?? null;
    if (typeof activation !== 'string') continue;
    const isOther = expansionOf(activation, draft) !== undefined;
    if (isOther || !canPlay(activation, 'activation')) refuseUnknown(activation, draft);
  }
}

function refuseUnknown(activation: JsonValue, { refuse }: Draft): never {
  return refuse(`has the activation ${show(activation)}, which TensorFlow.js does not compute`);
}
