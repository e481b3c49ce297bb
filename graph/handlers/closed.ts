import type { LayerHandler, Remainder } from '../handler';

/** A layer that no channel passes: `why` completes the sentence that begins with its path. */
export const closed = (why: string): LayerHandler => ({
  trace: (call, tracer) => tracer.close(call, `${call.path} ${why}`),
});

const sizeOf = (shape: readonly (number | null)[]): number =>
  shape.reduce<number>((size, length) => size * (length ?? 1), 1);

/** Every step multiplies its input and its state with whole kernels; biases only add. */
const kernelSizes = ({ call }: Remainder): number =>
  call.layer.weights
    .filter(({ shape }) => shape.length > 1)
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const steps = (left: Remainder): number => left.inputShapes[0]?.[1] ?? 1;

/** SimpleRNN, GRU, LSTM, RNN, Bidirectional: [n, steps, in]; the units feed one another. */
export const recurrent: LayerHandler = {
  ...closed('is recurrent: its units feed one another'),
  macs: (left) => steps(left) * kernelSizes(left),
};

/** ConvLSTM2D: [n, steps, h, w, in]; kernels of both kinds meet every output position. */
export const convRecurrent: LayerHandler = {
  ...recurrent,
  macs(left) {
    const shape = left.outputShapes[0]!; // [n, (steps,) h, w, units], or units before h
    const isFirst = left.call.config.dataFormat === 'channelsFirst';
    const space = isFirst ? shape.slice(-2) : shape.slice(-3, -1);
    return steps(left) * sizeOf(space) * kernelSizes(left);
  },
};
