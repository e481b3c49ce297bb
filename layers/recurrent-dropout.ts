import * as tf from '@tensorflow/tfjs';

/** What we use of the inside of a recurrent layer and its cell, which may hold cells. */
interface Cell {
  dropoutMask?: tf.TensorContainer | null;
  recurrentDropoutMask?: tf.TensorContainer | null;
  readonly cells?: readonly Cell[];
}

type Call = (
  this: { readonly cell: Cell },
  inputs: tf.Tensor | tf.Tensor[],
  kwargs: Record<string, unknown>,
) => tf.Tensor | tf.Tensor[];

/**
 * Makes recurrent layers draw their dropout for each call, and keep nothing of it: the library leaves the masks of the
 * last call in memory, in inference too, and an RNN of a cell goes on with those of its first, which fit no other batch.
 */
export function mendRecurrentDropout(): void {
  const prototype = tf.RNN.prototype as unknown as { call: Call };
  const stockCall = prototype.call;
  prototype.call = function (inputs, kwargs) {
    try {
      return stockCall.call(this, inputs, kwargs);
    } finally {
      forgetMasks(this.cell);
    }
  };
}

function forgetMasks(cell: Cell): void {
  for (const mask of ['dropoutMask', 'recurrentDropoutMask'] as const) {
    if (!cell[mask]) continue;
    tf.dispose(cell[mask]);
    cell[mask] = null; // by which the library knows that there is none
  }
  cell.cells?.forEach(forgetMasks);
}
