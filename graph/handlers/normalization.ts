import type { Channels } from '../channels';
import type { LayerHandler } from '../handler';
import { closed } from './closed';

/**
 * BatchNormalization over the last axis: gamma, beta and the moving statistics follow the channels.
 *
 * With gamma and beta (and without them the moving mean) silenced, a removed channel is zero after it.
 */
export const batchNormalization: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    const axis = Number(call.config.axis ?? -1); // Keras writes [3] as well as 3
    const rank = call.inputShapes[0]!.length;
    if (axis !== -1 && axis !== rank - 1) {
      return tracer.close(call, `${call.path} normalizes axis ${axis}, not the channels`);
    }
    for (const weight of ['gamma', 'beta', 'moving_mean']) {
      tracer.follow(call, weight, 0, input.classes);
    }
    // It is only divided by: zero over anything is zero.
    tracer.follow(call, 'moving_variance', 0, input.classes, false);
    const scales = tracer.has(call, 'gamma');
    return [{ classes: input.classes, silent: input.silent.map((silent) => scales || silent) }];
  },
};

/** LayerNormalization: its mean and variance are over all channels, the removed ones too. */
export const layerNormalization = closed('takes mean and variance over all channels');
