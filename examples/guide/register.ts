/** A module of --register: it puts a criterion of your own on the command line, with an option. */
import type * as tensorflow from '@tensorflow/tfjs';
import type * as library from '../../index';

/** Gets the public library and the TensorFlow.js of the program that loads it, and imports no others. */
export function register(secateur: typeof library, tf: typeof tensorflow): void {
  class PeakFilter extends secateur.Methodology {
    constructor(private readonly options: { readonly peakPower?: number }) {
      super();
    }

    protected override score(kernel: tensorflow.Tensor): tensorflow.Tensor {
      const { peakPower = 1 } = this.options;
      const peaks = tf.max(tf.abs(secateur.filterRows(kernel)), 1); // [out]
      return tf.pow(peaks, peakPower);
    }
  }
  secateur.registerMethod('peak', PeakFilter, {
    unit: 'filter',
    options: {
      peakPower: {
        doc: 'with peak: power of the largest weight, which weighs layers in --scope global',
        value: { kind: 'real', above: 0 },
        default: 1,
      },
    },
  });
}
