import type { LayerHandler, Remainder } from '../handler';
import { closed } from './closed';

type PerChannel = number | readonly number[] | null | undefined;

/** Whether the offset that channel `index` gets is zero. */
const isZeroAt = (offset: PerChannel, index: number): boolean =>
  (typeof offset === 'object' && offset !== null
    ? offset[index % offset.length]!
    : (offset ?? 0)) === 0;

/** What stays of a list with one number a channel; anything else as it is. */
function narrow(value: PerChannel, left: Remainder): PerChannel {
  const stays = left.outputs[0]!;
  const isList = typeof value === 'object' && value !== null && value.length === stays.length;
  return isList ? value.filter((_, index) => stays[index]) : value;
}

/** Rescaling: x * scale + offset; where the offset is not zero a removed channel is a constant. */
export const rescaling: LayerHandler = {
  trace(call) {
    const [{ classes, silent }] = call.inputs as [(typeof call.inputs)[number]];
    const offset = call.config.offset as PerChannel;
    return [{ classes, silent: silent.map((flag, index) => flag && isZeroAt(offset, index)) }];
  },
  rewrite(config, left) {
    config.scale = narrow(config.scale as PerChannel, left);
    config.offset = narrow(config.offset as PerChannel, left);
  },
};

/** Masking: skips steps where every channel is `maskValue`; a removed channel agrees with zero only. */
export const masking: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [(typeof call.inputs)[number]];
    if ((call.config.maskValue ?? 0) !== 0) {
      return tracer.close(call, `${call.path} compares every channel with a value other than zero`);
    }
    const constant = input.classes.filter((_, index) => !input.silent[index]);
    tracer.classes.close(constant, `${call.path} would read a constant other than zero`);
    return [input];
  },
};

/** Resizing, RandomWidth: the library gives their batches a shape of three axes, one too few. */
export const resizing = closed('tells a wrong shape of its output: its channels cannot be known');

/** CategoryEncoding: reads category numbers. */
export const categoryEncoding = closed('reads category numbers, not channels');
