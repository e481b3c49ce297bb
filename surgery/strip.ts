import type * as tf from '@tensorflow/tfjs';
import { dropActingConstraints, listMaskedWeights, stock, weightsByName } from '../layers';
import { assignWeights, hostWeight, silenceSingly } from '../layers/host-weights';

/**
 * A stock copy of a model with its masks applied to the weights and dropped: it computes what the
 * masked model computes, and holds zeros where the masks removed. Constraints that would change its weights
 * when a file of it is opened are dropped.
 *
 * A model without masks is copied as it is; `stock` leaves the masks behind instead.
 *
 * @param model prunable or stock; borrowed.
 * @returns a stock model at full width; the caller owns it.
 */
export function strip(model: tf.LayersModel): tf.LayersModel {
  const masks = new Map(listMaskedWeights(model).map(({ weight, mask }) => [weight, mask]));
  const weights = new Map(
    [...weightsByName(model)].map(([name, weight]) => {
      const mask = masks.get(weight);
      const value = hostWeight(weight);
      // Not a product: that would leave -0 of what was negative, and NaN of what was infinite.
      const kept = mask && Uint8Array.from(hostWeight(mask).values);
      return [name, kept ? silenceSingly(value, kept) : value] as const;
    }),
  );
  const plain = stock(model);
  assignWeights(plain, weights);
  dropActingConstraints(plain);
  return plain;
}
