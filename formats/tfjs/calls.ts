import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import type { LayerKind } from './layer-kind';

/** Visits of layers that tfjs may need to bring the calls in order, at most. */
const VISIT_LIMIT = 2_000_000;
/** Inputs of all calls, at most. */
const REFERENCE_LIMIT = 40_000;

/** One input of a call: which call of which layer it reads. */
interface Reference {
  readonly layer: string;
  readonly call: number;
}

/** A call: what it reads. */
type Call = readonly Reference[];

/** The layers with calls still to be made. */
type Waiting = (readonly [layer: string, calls: readonly Call[]])[];

/**
 * Checks who reads whom in functional models.
 *
 * tfjs loads such a model by going round its layers until every call has been made, and goes round
 * for ever where one never can be.
 */
export class CallCheck {
  private references = 0;
  private visits = 0;

  /** @param refuse throws the error with a reason. */
  constructor(private readonly refuse: (reason: string) => never) {}

  /**
   * Refuses a model whose calls read what is not there, or one another in a cycle, by the layer's name.
   *
   * @param config of the model, keys in camelCase.
   * @param kinds its layers by name.
   * @param place what to call the model.
   */
  check(config: JsonObject, kinds: ReadonlyMap<string, LayerKind>, place: string): void {
    const calls = (config.layers as readonly JsonObject[]).map((layer) => this.callsOf(layer));
    const totals = ownCalls(kinds);
    for (const [layer, made] of calls) totals.set(layer, totals.get(layer)! + made.length);
    for (const [layer, made] of calls) {
      for (const reference of made.flat()) this.find(reference, totals, `layer ${layer}`);
    }
    for (const end of ['inputLayers', 'outputLayers'] as const) {
      for (const json of this.list(config[end], `${place}: ${end}`)) {
        this.find(this.reference(json, end), totals, end);
      }
    }
    this.makeAll(calls, ownCalls(kinds));
  }

  private callsOf({ name, inboundNodes }: JsonObject): [layer: string, calls: readonly Call[]] {
    const layer = name as string;
    const nodes = this.list(inboundNodes, `the calls of layer ${layer}`);
    const calls = nodes.map((node) =>
      this.list(node, `each call of layer ${layer}`).map((json) =>
        this.reference(json, `layer ${layer}`),
      ),
    );
    return [layer, calls];
  }

  private list(json: JsonValue | undefined, what: string): readonly JsonValue[] {
    if (!Array.isArray(json))
      return this.refuse(`${what} must be a list, as Keras 2 and tfjs write`);
    this.references += json.length;
    if (this.references > REFERENCE_LIMIT) {
      this.refuse(`its calls have more than ${REFERENCE_LIMIT} inputs`);
    }
    return json as readonly JsonValue[];
  }

  private reference(json: JsonValue, reader: string): Reference {
    const [layer, call, output, given] = Array.isArray(json) ? (json as readonly JsonValue[]) : [];
    const isNothing = given === undefined || given === null;
    if (typeof layer === 'string' && isIndex(call) && isIndex(output)) {
      if (isNothing || isJsonObject(given)) return { layer, call };
    }
    const received = JSON.stringify(json).slice(0, 80);
    return this.refuse(`${reader} must read [layer, call, output], got ${received}`);
  }

  private find({ layer, call }: Reference, totals: Map<string, number>, reader: string): void {
    const total = totals.get(layer);
    if (total === undefined) {
      this.refuse(`${reader} reads the layer ${layer.slice(0, 80)}, which is not there`);
    } else if (call >= total) {
      this.refuse(`${reader} reads call ${call} of ${layer}, which has ${total}, counted from 0`);
    }
  }

  /** Makes the calls in the order in which tfjs would. */
  private makeAll(calls: Waiting, made: Map<string, number>): void {
    let waiting = calls.filter(([, nodes]) => nodes.length > 0);
    while (waiting.length > 0) {
      this.visits += calls.length; // tfjs looks at all layers in each round
      if (this.visits > VISIT_LIMIT) {
        this.refuse('its layers are listed in an order that takes too long to put right');
      }
      const later = round(waiting, made);
      if (later === null)
        this.refuse(`its layers read one another in a cycle: ${cycleOf(waiting)}`);
      waiting = later;
    }
  }
}

function isIndex(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Calls that a layer has before any is made: an input and a model are their own first call. */
function ownCalls(kinds: ReadonlyMap<string, LayerKind>): Map<string, number> {
  return new Map([...kinds].map(([name, kind]) => [name, kind === 'layer' ? 0 : 1]));
}

/** Makes the calls whose inputs are there; returns the others, null when none could be made. */
function round(waiting: Waiting, made: Map<string, number>): Waiting | null {
  const isReady = (inputs: Call): boolean =>
    inputs.every(({ layer, call }) => call < made.get(layer)!);
  const left: Waiting = [];
  let isStuck = true;
  for (const entry of waiting) {
    const [layer, calls] = entry;
    if (!calls.some(isReady)) {
      left.push(entry);
      continue;
    }
    isStuck = false;
    const later = calls.filter((inputs) => {
      const ready = isReady(inputs);
      if (ready && inputs.length > 0) made.set(layer, made.get(layer)! + 1);
      return !ready;
    });
    if (later.length > 0) left.push([layer, later]);
  }
  return isStuck ? null : left;
}

/** The first layers of a cycle: each reads the next. */
function cycleOf(waiting: Waiting): string {
  const stuck = new Map(waiting);
  const path: string[] = [];
  let layer: string | undefined = waiting[0]![0];
  while (layer !== undefined && !path.includes(layer) && path.length < 8) {
    path.push(layer);
    layer = stuck
      .get(layer)!
      .flat()
      .find((reference) => stuck.has(reference.layer))?.layer;
  }
  return [...path, layer ?? 'a call that is never made'].join(' <- ');
}
