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

/** Functions of the whole channel axis, not of each channel. */
const mixing = new Set(['softmax', 'logSoftmax', 'log_softmax']);

/**
 * The channels behind the layer's `activation`: unchanged where f(0) = 0; no longer silent where a
 * removed channel becomes a constant; closed where the function mixes channels.
 */
export function silencedBy(call: LayerCall, channels: Channels, tracer: Tracer): Channels {
  const name = (call.config.activation as string | null | undefined) ?? 'linear';
  if (zeroPreserving.has(name)) return channels;
  if (mixing.has(name)) {
    tracer.classes.close(channels.classes, `${call.path}: ${name} mixes the channels`);
  }
  return { classes: channels.classes, silent: channels.classes.map(() => false) };
}

/** Activation: any function by name. */
export const activation: LayerHandler = {
  trace: (call, tracer) => [silencedBy(call, call.inputs[0]!, tracer)],
};

/** Layers that treat each channel by itself and keep zero zero: ReLU, dropout. */
export const passThrough: LayerHandler = {
  trace: (call) => [call.inputs[0]!],
};

/** Pooling and up-sampling over space: channel by channel, zero stays zero. */
export const spatial: LayerHandler = {
  trace: (call, tracer) =>
    call.config.dataFormat === 'channelsFirst'
      ? tracer.close(call, `${call.path} is channelsFirst`)
      : [call.inputs[0]!],
};
