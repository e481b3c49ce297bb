import type { Channels } from '../channels';
import type { LayerCall, LayerHandler } from '../handler';

/** The two numbers that `padding` or `cropping` give the last axis of a channelsFirst layer. */
function lastAxis(call: LayerCall, option: 'padding' | 'cropping'): [number, number] {
  const value = call.config[option] as number | [number | number[], number | number[]];
  const last = typeof value === 'number' ? value : value[1];
  return typeof last === 'number' ? [last, last] : [last[0]!, last[1]!];
}

function withLastAxis(
  value: unknown,
  last: readonly [number, number],
): [number[] | number, readonly [number, number]] {
  const first = typeof value === 'number' ? [value, value] : (value as [number[], number[]])[0];
  return [first, last];
}

const isChannelsFirst = (call: LayerCall): boolean => call.config.dataFormat === 'channelsFirst';

const countKept = (flags: readonly boolean[]): number => flags.filter(Boolean).length;

/**
 * ZeroPadding2D: over space it passes channels on; with channelsFirst it pads the LAST axis of an
 * NHWC tensor, which appends constant zero channels: the parameter-free shortcut (option A).
 */
export const zeroPadding2d: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    if (!isChannelsFirst(call)) return [input];
    const [before, after] = lastAxis(call, 'padding').map((count) => tracer.classes.create(count));
    return [
      {
        classes: [...before!.classes, ...input.classes, ...after!.classes],
        silent: [...before!.silent, ...input.silent, ...after!.silent],
      },
    ];
  },
  rewrite(config, { call, outputs }) {
    if (!isChannelsFirst(call)) return;
    const [before, after] = lastAxis(call, 'padding');
    const flags = outputs[0]!;
    const left = [
      countKept(flags.slice(0, before)),
      countKept(flags.slice(flags.length - after)),
    ] as const;
    config.padding = withLastAxis(config.padding, left);
  },
};

/** Cropping2D: over space it passes channels on; with channelsFirst it slices the last axis. */
export const cropping2d: LayerHandler = {
  trace(call) {
    const [input] = call.inputs as [Channels];
    if (!isChannelsFirst(call)) return [input];
    const [before, after] = lastAxis(call, 'cropping');
    const end = input.classes.length - after;
    return [{ classes: input.classes.slice(before, end), silent: input.silent.slice(before, end) }];
  },
  rewrite(config, { call, inputs }) {
    if (!isChannelsFirst(call)) return;
    const [before, after] = lastAxis(call, 'cropping');
    const flags = inputs[0]!;
    const left = [
      countKept(flags.slice(0, before)),
      countKept(flags.slice(flags.length - after)),
    ] as const;
    config.cropping = withLastAxis(config.cropping, left);
  },
};

/** Flatten of an NHWC tensor: index (y * width + x) * channels + c belongs to channel c. */
export const flatten: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    const size = call.outputShapes[0]!.at(-1);
    if (size == null || isChannelsFirst(call) || input.classes.length === 0) {
      return tracer.close(call, `${call.path} flattens a shape that is not known`);
    }
    const copies = Array.from({ length: size / input.classes.length });
    return [
      {
        classes: copies.flatMap(() => input.classes),
        silent: copies.flatMap(() => input.silent),
      },
    ];
  },
};

/** InputLayer: the channels it is given (of a nested model), else those of the model's input. */
export const inputLayer: LayerHandler = {
  trace: (call) => [call.inputs[0]!],
};
