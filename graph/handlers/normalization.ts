import type { LayerHandler } from '../handler';

/**
 * BatchNormalization over the last axis: gamma, beta and the moving statistics follow the channels.
 *
 * With gamma and beta (and without them the moving mean) silenced, a removed channel is zero after it.
 */
export const batchNormalization: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs;
    const axis = (call.config.axis as number | undefined) ?? -1;
    const rank = call.inputShapes[0]!.length;
    if (axis !== -1 && axis !== rank - 1) {
      return tracer.close(call, `${call.path} normalizes axis ${axis}, not the channels`);
    }
    for (const weight of ['gamma', 'beta', 'moving_mean']) {
      tracer.follow(call, weight, 0, input!.classes);
    }
    // It is only divided by: zero over anything is zero.
    tracer.follow(call, 'moving_variance', 0, input!.classes, false);
    const scales = tracer.has(call, 'gamma');
    return [{ classes: input!.classes, silent: input!.silent.map((silent) => scales || silent) }];
  },
};
