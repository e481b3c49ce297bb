import type { InboundNode, LayerConfig, ModelConfig } from './rebuild';

/** One call of a functional model's layer, as its config tells it. */
export interface OrderedCall {
  readonly entry: LayerConfig;
  readonly name: string;
  readonly node: InboundNode;
  /** The number by which the readers refer to the call. */
  readonly index: number;
}

/** The number of a layer's first call: a model's node 0 is its own inside. */
function firstCallOf(entry: LayerConfig): number {
  return entry.config.layers ? 1 : 0;
}

/** The name of the layer that a config's entry describes. */
export function nameOf(entry: LayerConfig): string {
  return entry.name ?? (entry.config.name as string);
}

/** How one output of one call is known within a functional model. */
export function tensorKey(layer: string, call: number, output = 0): string {
  return `${layer}:${call}:${output}`;
}

/**
 * All calls of a functional model but those of its inputs, each after the calls that it reads.
 *
 * @throws {TypeError} when the calls read one another in a cycle.
 */
export function callsInOrder(config: ModelConfig): OrderedCall[] {
  const done = new Set(config.inputLayers!.map(([name]) => `${name}:0`));
  let waiting = config.layers.flatMap((entry) =>
    (entry.inboundNodes ?? []).map((node, at): OrderedCall => {
      return { entry, name: nameOf(entry), node, index: at + firstCallOf(entry) };
    }),
  );
  const ordered: OrderedCall[] = [];
  while (waiting.length > 0) {
    const later = waiting.filter((call) => {
      if (!call.node.every(([layer, index]) => done.has(`${layer}:${index}`))) return true;
      done.add(`${call.name}:${call.index}`);
      ordered.push(call);
      return false;
    });
    if (later.length === waiting.length) {
      throw new TypeError(`the model's layers form a cycle at ${later[0]!.name}`);
    }
    waiting = later;
  }
  return ordered;
}
