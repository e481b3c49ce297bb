import type { ChannelGraph } from './channel-graph';
import type { Channels } from './channels';
import type { LayerCall } from './handler';

/**
 * For each input of the network: below which number its integers must be, for the layers that look them up; null where
 * no layer reads it as integers.
 *
 * An input is followed through what has no weights: layers that move, join or mask values.
 */
export function boundIntegers({ inputs, calls }: ChannelGraph): (number | null)[] {
  return inputs.map((input) => {
    const read = new Set<Channels>([input]);
    const bounds: number[] = [];
    for (const call of calls) {
      if (!call.inputs.some((tensor) => read.has(tensor))) continue;
      const bound = boundOf(call);
      if (bound !== null) bounds.push(bound);
      else if (call.layer.weights.length === 0) call.outputs.forEach((tensor) => read.add(tensor));
    }
    return bounds.length > 0 ? Math.min(...bounds) : null;
  });
}

/** How many integers a layer knows; null of a layer that reads numbers. */
function boundOf({ className, config }: Pick<LayerCall, 'className' | 'config'>): number | null {
  if (className === 'Embedding') return config.inputDim as number;
  if (className === 'CategoryEncoding') return config.numTokens as number;
  if (className !== 'TimeDistributed') return null;
  const { className: inner, config: own } = config.layer as {
    readonly className: string;
    readonly config: LayerCall['config'];
  };
  return boundOf({ className: inner, config: own });
}
