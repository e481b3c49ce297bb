import type { Channels } from '../channels';
import type { LayerCall, LayerHandler } from '../handler';
import type { Tracer } from '../tracer';

/** Add: position by position, all inputs live or die together; `tracer.residual` decides how. */
export const add: LayerHandler = {
  trace(call, tracer) {
    const width = call.inputs[0]!.classes.length;
    if (call.inputs.some(({ classes }) => classes.length !== width)) {
      return tracer.close(call, `${call.path} broadcasts over channels`);
    }
    return tracer.residual === 'stream' ? scattered(call, tracer) : coupled(call, tracer);
  },
};

function coupled(call: LayerCall, tracer: Tracer): Channels[] {
  const [first, ...others] = call.inputs as [Channels, ...Channels[]];
  for (const other of others) tracer.classes.unite(first.classes, other.classes);
  if (tracer.residual === 'inner') {
    tracer.classes.close(first.classes, `residual stream at ${call.path} is kept whole (inner)`);
  }
  const silent = first.silent.map((_, index) => call.inputs.every((input) => input.silent[index]));
  return [{ classes: first.classes, silent }];
}

/** The papers' way: the sum has its full width whatever its inputs lose. */
function scattered(call: LayerCall, tracer: Tracer): Channels[] {
  call.inputs.forEach((input, index) => {
    const constant = input.classes.filter((_, channel) => !input.silent[channel]);
    tracer.classes.close(constant, `${call.path} would add a constant other than zero`);
    tracer.expand(call, index);
  });
  const stream = tracer.classes.create(call.inputs[0]!.classes.length);
  tracer.classes.close(stream.classes, `residual stream at ${call.path} is kept whole (stream)`);
  return [stream];
}

/** Concatenate: on the channel axis one list after the other, on another axis channel by channel. */
export const concatenate: LayerHandler = {
  trace(call, tracer) {
    const axis = (call.config.axis as number | undefined) ?? -1;
    const rank = call.inputShapes[0]!.length;
    if (axis === -1 || axis === rank - 1) {
      return [
        {
          classes: call.inputs.flatMap(({ classes }) => classes),
          silent: call.inputs.flatMap(({ silent }) => silent),
        },
      ];
    }
    const [first, ...others] = call.inputs as [Channels, ...Channels[]];
    for (const other of others) tracer.classes.unite(first.classes, other.classes);
    const silent = first.silent.map((_, index) => call.inputs.every((in_) => in_.silent[index]));
    return [{ classes: first.classes, silent }];
  },
};
