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

/**
 * Flatten: index (y * width + x) * channels + c belongs to channel c. With channelsFirst it moves axis
 * 1 behind the last one before, so that each entry of the last axis is followed by that axis' length.
 */
export const flatten: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    const size = call.outputShapes[0]!.at(-1);
    const inner = isChannelsFirst(call) ? call.inputShapes[0]![1] : 1;
    if (size == null || inner == null || input.classes.length === 0) {
      return tracer.close(call, `${call.path} flattens a shape that is not known`);
    }
    const channelAt = (index: number): number => Math.floor(index / inner) % input.classes.length;
    return [
      {
        classes: Array.from({ length: size }, (_, index) => input.classes[channelAt(index)]!),
        silent: Array.from({ length: size }, (_, index) => input.silent[channelAt(index)]!),
      },
    ];
  },
};

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/**
 * Reshape: element k of a sample, row by row, is of channel k mod (width before) and becomes one of
 * channel k mod (width after). So channels that agree modulo the greatest common divisor of the two
 * widths go together, and removing them leaves the others in their order.
 */
export const reshape: LayerHandler = {
  trace(call, tracer) {
    const [{ classes, silent }] = call.inputs as [Channels];
    const width = call.outputShapes[0]!.at(-1);
    if (width == null || classes.length === 0) {
      return tracer.close(call, `${call.path} makes a shape that is not known`);
    }
    const cycle = greatestCommonDivisor(classes.length, width);
    if (cycle === 1 && classes.length > 1) {
      return tracer.close(call, `${call.path} mixes the channels: ${classes.length} into ${width}`);
    }
    classes.forEach((member, index) => {
      tracer.classes.unite([classes[index % cycle]!], [member]);
    });
    const isSilent = Array.from({ length: cycle }, (_, residue) =>
      silent.every((flag, index) => flag || index % cycle !== residue),
    );
    return [
      {
        classes: Array.from({ length: width }, (_, index) => classes[index % cycle]!),
        silent: Array.from({ length: width }, (_, index) => isSilent[index % cycle]!),
      },
    ];
  },
  rewrite(config, left) {
    const target = config.targetShape as (number | null)[];
    const last = target.at(-1);
    if (last != null && last >= 0) {
      config.targetShape = [...target.slice(0, -1), left.outputShapes[0]!.at(-1)];
    }
  },
};

/** Permute: the channels survive where the last axis stays the last. */
export const permute: LayerHandler = {
  trace(call, tracer) {
    const dims = call.config.dims as number[]; // counted from 1: the batch is not among them
    if (dims.at(-1) === dims.length) return [call.inputs[0]!];
    return tracer.close(call, `${call.path} moves the channels to another axis`);
  },
};

/** InputLayer: the channels it is given (of a nested model), else those of the model's input. */
export const inputLayer: LayerHandler = {
  trace: (call) => [call.inputs[0]!],
};
