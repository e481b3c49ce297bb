import type { LayerHandler, LayerCall, Remainder } from '../handler';
import type { Channels } from '../channels';
import { silencedBy } from './activation';

const channelsFirst = (call: LayerCall): boolean => call.config.dataFormat === 'channelsFirst';

/** Output positions of one sample: the product of the axes between batch and channels. */
function positions(left: Remainder): number {
  return left.outputShapes[0]!.slice(1, -1).reduce<number>((count, size) => count * (size ?? 1), 1);
}

function kernelSize(left: Remainder): number {
  return (left.call.config.kernelSize as number[]).reduce((count, size) => count * size, 1);
}

/** Conv2D: kernel [kh, kw, in, out]; a filter is an index of the last axis. */
export const conv2d: LayerHandler = {
  trace(call, tracer) {
    if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
    const [input] = call.inputs;
    tracer.consume(call, 'kernel', 2, input!);
    const output = tracer.produce(call, call.config.filters as number, 'kernel', 3);
    return [silencedBy(call, output, tracer)];
  },
  rewrite(config, left) {
    config.filters = left.outputShapes[0]!.at(-1);
  },
  macs: (left) =>
    kernelSize(left) *
    left.inputShapes[0]!.at(-1)! *
    left.outputShapes[0]!.at(-1)! *
    positions(left),
};

/** DepthwiseConv2D: kernel [kh, kw, in, multiplier]; output c * multiplier + m goes with input c. */
export const depthwiseConv2d: LayerHandler = {
  trace(call, tracer) {
    if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
    const [input] = call.inputs as [Channels];
    const multiplier = (call.config.depthMultiplier as number | undefined) ?? 1;
    const classes = input.classes.flatMap((id) => Array<number>(multiplier).fill(id));
    tracer.follow(call, 'depthwise_kernel', 2, input.classes);
    tracer.follow(call, 'bias', 0, classes);
    // Its own kernel is silenced with the channel, whatever comes in.
    return [silencedBy(call, { classes, silent: classes.map(() => true) }, tracer)];
  },
  macs: (left) => kernelSize(left) * left.outputShapes[0]!.at(-1)! * positions(left),
};

/** Dense: kernel [in, out] over the last axis. */
export const dense: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs;
    tracer.consume(call, 'kernel', 0, input!);
    const output = tracer.produce(call, call.config.units as number, 'kernel', 1);
    return [silencedBy(call, output, tracer)];
  },
  rewrite(config, left) {
    config.units = left.outputShapes[0]!.at(-1);
  },
  macs: (left) => left.inputShapes[0]!.at(-1)! * left.outputShapes[0]!.at(-1)! * positions(left),
};
