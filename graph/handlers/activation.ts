import type { Channels } from '../channels';
import type { LayerCall, LayerHandler } from '../handler';
import type { Tracer } from '../tracer';

/** Activation functions with f(0) = 0: a silent channel stays silent. */
const zeroPreserving = new Set([
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'tanh',
  'softsign',
  'swish',
  'mish',
  'gelu',
  'gelu_new',
]);

/** Functions of each channel by itself that make a constant of a removed one. */
const constantMaking = new Set(['sigmoid', 'hardSigmoid', 'hard_sigmoid', 'softplus']);

/** Functions of the whole channel axis. */
const mixing = new Set(['softmax', 'logSoftmax', 'log_softmax']);

/** The same channels, none of them silent: a removed one would be a constant. */
export const audible = ({ classes }: Channels): Channels => ({
  classes,
  silent: classes.map(() => false),
});

/**
 * The channels behind the layer's `activation`: unchanged where f(0) = 0; no longer silent where a
 * removed channel becomes a constant; closed where the function mixes channels or is not known.
 */
export function silenceBy(call: LayerCall, channels: Channels, tracer: Tracer): Channels {
  const name = (call.config.activation as string | null | undefined) ?? 'linear';
  if (zeroPreserving.has(name)) return channels;
  if (!constantMaking.has(name)) {
    const why = mixing.has(name) ? 'mixes the channels' : 'is an unknown activation';
    tracer.classes.close(channels.classes, `${call.path}: ${name} ${why}`);
  }
  return audible(channels);
}

/** Activation: any function by name. */
export const activation: LayerHandler = {
  trace: (call, tracer) => [silenceBy(call, call.inputs[0]!, tracer)],
};

/** Softmax over its `axis`; over another axis than the channels a removed channel is a constant. */
export const softmax: LayerHandler = {
  trace(call, tracer) {
    const input = call.inputs[0]!;
    const last = call.inputShapes[0]!.length - 1;
    const axes = [call.config.axis ?? 1].flat() as number[];
    if (axes.some((axis) => axis === -1 || axis === last)) {
      tracer.classes.close(input.classes, `${call.path}: softmax mixes the channels`);
    }
    return [audible(input)];
  },
};

/** PReLU: alpha [...], one slope a channel unless `sharedAxes` names the last axis. */
export const prelu: LayerHandler = {
  trace(call, tracer) {
    const input = call.inputs[0]!;
    const last = call.inputShapes[0]!.length - 1;
    const shared = (call.config.sharedAxes as number[] | null | undefined) ?? [];
    // A slope times zero is zero: alpha need not fall silent, only go along. It has no batch axis.
    if (!shared.includes(last)) tracer.follow(call, 'alpha', last - 1, input.classes, false);
    return [input];
  },
};

/** Layers that treat each channel by itself and keep zero zero: ReLU, noise (identity in inference). */
export const passThrough: LayerHandler = {
  trace: (call) => [call.inputs[0]!],
};

/** Dropout: identity in inference; closed where its `noiseShape` names the width of the channels. */
export const dropout: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    const noise: unknown = [call.config.noiseShape].flat().at(-1) ?? 1; // a file may hold anything
    if (noise !== 1) {
      tracer.classes.close(
        input.classes,
        `${call.path} has a noiseShape of ${nameLength(noise)} channels`,
      );
    }
    return [input];
  },
};

/** A length as a file has it, which need be none. */
const nameLength = (length: unknown): string =>
  typeof length === 'string' ? length : JSON.stringify(length);

/** Pooling and up-sampling over space: channel by channel, zero stays zero. */
export const spatial: LayerHandler = {
  trace: (call, tracer) =>
    call.config.dataFormat === 'channelsFirst'
      ? tracer.close(call, `${call.path} is channelsFirst`)
      : [call.inputs[0]!],
  mixesPositions: () => true,
};
