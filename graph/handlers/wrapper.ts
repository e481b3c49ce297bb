import { layerHandler } from '../handler';
import type { LayerCall, LayerHandler, Remainder } from '../handler';
import { closed } from './closed';

/** The wrapped layer as a wrapper's config writes it. */
interface Wrapped {
  readonly className: string;
  readonly config: Record<string, unknown>;
}

const wrappedIn = (config: Readonly<Record<string, unknown>>): Wrapped => config.layer as Wrapped;

/** [n, steps, ...] without the steps. */
const oneStep = <T>(shape: readonly T[]): T[] => [...shape.slice(0, 1), ...shape.slice(2)];

/** The call of the wrapped layer on one step; the wrapper's path, under which its weights are. */
function innerCall(call: LayerCall): LayerCall {
  const { className, config } = wrappedIn(call.config);
  const { layer } = call.layer as unknown as { layer: LayerCall['layer'] };
  const [inputShapes, outputShapes] = [
    call.inputShapes.map(oneStep),
    call.outputShapes.map(oneStep),
  ];
  return { ...call, layer, className, config, inputShapes, outputShapes };
}

const innerRemainder = (left: Remainder): Remainder => ({
  ...left,
  call: innerCall(left.call),
  inputShapes: left.inputShapes.map(oneStep),
  outputShapes: left.outputShapes.map(oneStep),
});

/** TimeDistributed: [n, steps, ...]; what the wrapped layer does to the channels of each step. */
export const timeDistributed: LayerHandler = {
  trace(call, tracer) {
    const inner = innerCall(call);
    const handler = layerHandler(inner.className);
    return handler
      ? handler.trace(inner, tracer)
      : closed(`wraps the class ${inner.className}`).trace(call, tracer);
  },
  rewrite(config, left) {
    const { className, config: inner } = wrappedIn(config);
    layerHandler(className)?.rewrite?.(inner, innerRemainder(left));
  },
  mixesPositions(call) {
    const inner = innerCall(call);
    return layerHandler(inner.className)?.mixesPositions?.(inner) ?? false;
  },
  macs(left) {
    const { className } = wrappedIn(left.call.config);
    const once = layerHandler(className)?.macs?.(innerRemainder(left)) ?? 0;
    return once * (left.inputShapes[0]?.[1] ?? 1);
  },
};
