import { weightsByName, forEachLayer } from '../layers';
import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { ChannelClasses } from './channels';
import type { Channels } from './channels';
import type { LayerCall } from './handler';

/**
 * How a Conv or Dense deals with the tensors that are added up along a network's residual stream:
 * `coupled` prunes the stream with its producers, `inner` keeps it whole, `stream` prunes the
 * producers and scatters their channels back into a stream of full width (the papers' way).
 */
export type Residual = 'coupled' | 'inner' | 'stream';

/** What a weight is to the channels of one of its axes. */
export type Role = 'producer' | 'follower' | 'consumer';

/** One axis of one weight, index by index in a class. */
export interface WeightSlice {
  /** The layer's path. */
  readonly layer: string;
  /** `path/kernel` */
  readonly weight: string;
  readonly axis: number;
  readonly role: Role;
  /** Whether removing a channel zeroes its part of the weight in the masked network. */
  readonly silenced: boolean;
  readonly classes: readonly number[];
}

/** An input that must be brought back to its full width before the call reads it. */
export interface Expansion {
  readonly path: string;
  readonly input: number;
}

/** What handlers build while a model is traced. */
export class Tracer {
  readonly classes = new ChannelClasses();
  readonly slices: WeightSlice[] = [];
  readonly expansions: Expansion[] = [];
  private readonly expanded = new Map<string, readonly number[]>();
  private readonly bySliceName = new Map<string, WeightSlice>();
  private readonly shapes = new Map<string, readonly (number | null)[]>();

  constructor(
    model: tf.LayersModel,
    readonly residual: Residual,
  ) {
    for (const [name, weight] of weightsByName(model)) this.shapes.set(name, weight.shape);
    const paths = new Set<string>();
    forEachLayer(model, (_, path) => {
      if (paths.has(path)) throw new OptionError({ option: 'model', problem: sharedPath(path) });
      paths.add(path);
    });
  }

  /** True when the layer has the weight: a bias, a gamma. */
  has(call: LayerCall, weight: string): boolean {
    return this.shapes.has(`${call.path}/${weight}`);
  }

  /** New channels that the layer produces; a layer called again produces the same ones. */
  produce(call: LayerCall, count: number, kernel: string, axis: number): Channels {
    const known = this.bySliceName.get(sliceName(call, kernel, axis));
    const channels = known
      ? { classes: known.classes, silent: known.classes.map(() => true) }
      : this.classes.create(count);
    this.slice(call, kernel, axis, 'producer', channels.classes);
    if (this.has(call, 'bias')) this.slice(call, 'bias', 0, 'producer', channels.classes);
    return channels;
  }

  /**
   * A weight that goes along with the channels of a tensor: gamma, a depthwise kernel.
   *
   * @param silenced false for a weight that a removed channel need not zero (a moving variance).
   */
  follow(
    call: LayerCall,
    weight: string,
    axis: number,
    classes: readonly number[],
    silenced = true,
  ): void {
    if (this.has(call, weight)) this.slice(call, weight, axis, 'follower', classes, silenced);
  }

  /**
   * A weight axis that reads a tensor's channels.
   *
   * A channel that is not silent when removed reaches the weight as a constant, so its class closes.
   */
  consume(call: LayerCall, weight: string, axis: number, channels: Channels): void {
    const constant = channels.classes.filter((_, index) => !channels.silent[index]);
    this.classes.close(constant, `${call.path} would read a constant other than zero`);
    this.slice(call, weight, axis, 'consumer', channels.classes);
  }

  /** Closes the channels of all inputs and answers closed outputs: the layer cannot be followed. */
  close(call: LayerCall, reason: string): Channels[] {
    for (const input of call.inputs) this.classes.close(input.classes, reason);
    return this.closedOutputs(call, reason);
  }

  /** New closed channels for every output, whatever the inputs lose. */
  closedOutputs(call: LayerCall, reason: string): Channels[] {
    return call.outputShapes.map((shape) => {
      const output = this.classes.create(shape.at(-1) ?? 0);
      this.classes.close(output.classes, reason);
      return output;
    });
  }

  /**
   * Says that the call reads input `input` at full width: export scatters it there. One scatter
   * serves all calls of a layer, so that they share their channels.
   */
  expand(call: LayerCall, input: number): void {
    const { classes } = call.inputs[input]!;
    const name = `${call.path}:${input}`;
    const known = this.expanded.get(name);
    if (known) {
      this.classes.unite(known, classes);
      return;
    }
    this.expanded.set(name, classes);
    this.expansions.push({ path: call.path, input });
  }

  private slice(
    call: LayerCall,
    weight: string,
    axis: number,
    role: Role,
    classes: readonly number[],
    silenced = role !== 'consumer',
  ): void {
    const name = sliceName(call, weight, axis);
    const known = this.bySliceName.get(name);
    if (known) {
      this.classes.unite(known.classes, classes);
      return;
    }
    const full = `${call.path}/${weight}`;
    const slice = { layer: call.path, weight: full, axis, role, silenced, classes };
    this.bySliceName.set(name, slice);
    this.slices.push(slice);
  }
}

const sharedPath = (path: string): string =>
  `must have one layer at the path ${path}, it has two: a layer with '/' in its name and one of a nested ` +
  'model; give one of them another name';

function sliceName(call: LayerCall, weight: string, axis: number): string {
  return `${call.path}/${weight}:${axis}`;
}
