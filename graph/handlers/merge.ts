import type { Channels } from '../channels';
import type { LayerCall, LayerHandler } from '../handler';
import type { Tracer } from '../tracer';

/** The inputs of an elementwise layer: those of full width, and whether some are one channel wide. */
interface Operands {
  readonly wide: readonly Channels[];
  readonly hasSingle: boolean;
}

/**
 * Sorts the inputs by width. A single channel that is broadcast over many belongs to none of them:
 * it must stay, and couples nothing. Broadcasts over space do not concern the channels.
 */
function operandsOf(call: LayerCall, tracer: Tracer): Operands {
  const width = Math.max(...call.inputs.map(({ classes }) => classes.length));
  const wide = call.inputs.filter(({ classes }) => classes.length === width);
  const single = call.inputs.filter(({ classes }) => classes.length !== width);
  for (const { classes } of single) {
    tracer.classes.close(classes, `${call.path} broadcasts it over ${width} channels`);
  }
  return { wide, hasSingle: single.length > 0 };
}

/** Couples equal widths position by position; `silent` says when the result of a channel is zero. */
function couple(
  tracer: Tracer,
  wide: readonly Channels[],
  silent: (index: number) => boolean,
): Channels[] {
  const [first, ...others] = wide as [Channels, ...Channels[]];
  for (const other of others) tracer.classes.unite(first.classes, other.classes);
  return [{ classes: first.classes, silent: first.silent.map((_, index) => silent(index)) }];
}

/** Couples the channels of a function of all inputs that is zero where all of them are. */
function silentTogether(tracer: Tracer, { wide, hasSingle }: Operands): Channels[] {
  return couple(tracer, wide, (at) => !hasSingle && wide.every(({ silent }) => silent[at]));
}

/**
 * Add, and Average, which is a sum divided by a number: where two or more inputs have the full width
 * it is a residual stream, and `tracer.residual` decides; one of full width alone just passes.
 */
export const add: LayerHandler = {
  trace(call, tracer) {
    const operands = operandsOf(call, tracer);
    const isStream = operands.wide.length > 1;
    if (isStream && tracer.residual === 'stream') return scatter(call, tracer, operands);
    if (isStream && tracer.residual === 'inner') {
      const reason = `residual stream at ${call.path} is kept whole (inner)`;
      for (const { classes } of operands.wide) tracer.classes.close(classes, reason);
    }
    return silentTogether(tracer, operands);
  },
};

/** The papers' way: the sum has its full width whatever its inputs lose. */
function scatter(call: LayerCall, tracer: Tracer, { wide }: Operands): Channels[] {
  call.inputs.forEach((input, index) => {
    if (!wide.includes(input)) return;
    const constant = input.classes.filter((_, channel) => !input.silent[channel]);
    tracer.classes.close(constant, `${call.path} would add a constant other than zero`);
    tracer.expand(call, index);
  });
  return tracer.closedOutputs(call, `residual stream at ${call.path} is kept whole (stream)`);
}

/** Maximum, Minimum: coupled in every residual mode; they select, they do not carry a stream. */
export const extremum: LayerHandler = {
  trace: (call, tracer) => silentTogether(tracer, operandsOf(call, tracer)),
};

/** Multiply: equal widths are coupled; a channel is zero where ANY factor is, gates of 0.5 included. */
export const multiply: LayerHandler = {
  trace(call, tracer) {
    const { wide } = operandsOf(call, tracer);
    return couple(tracer, wide, (at) => wide.some(({ silent }) => silent[at]));
  },
};

/** Concatenate: on the channel axis one list after the other, on another axis channel by channel. */
export const concatenate: LayerHandler = {
  trace(call, tracer) {
    const axis = (call.config.axis as number | undefined) ?? -1;
    const last = call.inputShapes[0]!.length - 1;
    if (axis < -1) {
      // The library computes the shape for this axis and then joins on the last one.
      return tracer.close(call, `${call.path} tells a wrong shape of its output: axis ${axis}`);
    }
    if (axis !== -1 && axis !== last) {
      return silentTogether(tracer, { wide: call.inputs, hasSingle: false });
    }
    return [
      {
        classes: call.inputs.flatMap(({ classes }) => classes),
        silent: call.inputs.flatMap(({ silent }) => silent),
      },
    ];
  },
};

/**
 * Dot over the channels of both inputs sums their products: a pair of channels goes together, and
 * adds zero where one is zero; normalized, both must be. Over any other axis it is closed.
 */
export const dot: LayerHandler = {
  trace(call, tracer) {
    const [x, y] = call.inputs as [Channels, Channels];
    const { axes } = call.config as { axes: number | [number, number] };
    const isLast = ({ length }: { length: number }, input: number): boolean => {
      const axis = typeof axes === 'number' ? axes : axes[input];
      return axis === -1 || axis === length - 1;
    };
    if (!call.inputShapes.every(isLast)) {
      return tracer.close(call, `${call.path} contracts another axis than the channels`);
    }
    tracer.classes.unite(x.classes, y.classes);
    const isZero = (at: number): boolean =>
      call.config.normalize ? x.silent[at]! && y.silent[at]! : x.silent[at]! || y.silent[at]!;
    const constant = x.classes.filter((_, index) => !isZero(index));
    tracer.classes.close(constant, `${call.path} would add a constant other than zero`);
    return tracer.closedOutputs(call, `${call.path} makes positions, not channels`);
  },
  macs: ({ call, inputShapes, outputShapes }) => {
    const { axes } = call.config as { axes: number | [number, number] };
    const contracted = inputShapes[0]!.at(typeof axes === 'number' ? axes : axes[0]) ?? 1;
    return outputShapes[0]!
      .slice(1)
      .reduce<number>((count, size) => count * (size ?? 1), contracted);
  },
};
