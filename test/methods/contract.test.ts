import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import type { EngineId } from '../../backend/engine';
import { OptionError } from '../../errors';
import { toJobOptions } from '../../commands/job-options';
import { chooseMethod } from '../../jobs';
import { kebab } from '../../config/nearest';
import { parse } from '../../config/parse';
import type { Run } from '../../config/parse';
import { ChannelGraph, keepAll } from '../../graph';
import type { KeepSet } from '../../graph';
import { weightsByName } from '../../layers';
import {
  completePolicy,
  createMethod,
  factsOf,
  isObserving,
  methods,
  proposeByRate,
  unitOf,
} from '../../methods';
import type {
  AnyMethodOptions,
  KernelReader,
  MethodId,
  Methodology,
  Moment,
  Policy,
  PolicyOptions,
} from '../../methods';
import { cifarResNet } from '../../models';
import { withoutNative } from '../engines';
import {
  Chooser,
  KernelShelf,
  chainGraph,
  disposeEvidence,
  evidenceFor,
  oneConvGraph,
  randomShelf,
  removedOf,
  residualGraph,
} from './fixtures';

const scopes = ['uniform', 'global', 'adaptive'] as const;
const commonScopes = ['global', 'adaptive'] as const;
const regrowths = ['hard', 'soft', 'gradual'] as const;

/** What some methods know beyond the options of all. */
type OwnOptions = Partial<Pick<AnyMethodOptions, 'distance' | 'norm' | 'entropyOf'>>;

/** Options that make another criterion of a method; the suite runs on each beside the plain method. */
const variants: Readonly<Partial<Record<MethodId, readonly OwnOptions[]>>> = {
  fpgm: [{ distance: 'l1' }, { distance: 'cosine' }],
  'norm-filter': [{ norm: 'l1' }],
  'entropy-filter': [{ entropyOf: 'activations' }],
};

const entries = Object.keys(methods).flatMap((name) => {
  const id = name as MethodId;
  const others: readonly OwnOptions[] = variants[id] ?? [];
  return [{}, ...others].map((own) => ({
    title: [id, ...Object.values(own)].join(' '),
    id,
    own,
    create: (): Methodology => createMethod(id, own),
  }));
});

/** What every method of the registry must do; a new entry is tested without a line of its own. */
describe.each(entries)('$title', ({ id, own, create }) => {
  // The published codes know the plain methods only.
  const countings =
    Object.keys(own).length === 0 ? (['exact', 'paper'] as const) : ['exact' as const];
  let shelf: KernelShelf;
  let graph: ChannelGraph; // 5, 12 and 9 filters

  beforeAll(async () => {
    await startEngine('cpu');
    graph = chainGraph([5, 12, 9]);
  });
  beforeEach(() => {
    shelf = new KernelShelf();
  });
  afterEach(() => {
    shelf.dispose();
  });

  /** One whose method has observed the network of the shelf. */
  const make = (options: PolicyOptions, of: ChannelGraph = graph): Chooser =>
    shelf.showTo(new Chooser(create(), options), of);
  const choose = (options: PolicyOptions, of: ChannelGraph = graph): KeepSet =>
    make(options, of).choose(of, shelf.read);
  const isOfFilters = (): boolean => unitOf(create(), { graph, kernel: shelf.read }) === 'filter';

  it('removes floor(units * rate + 1e-9) units of each kernel, exactly, for 200 sizes and rates', () => {
    // Per cent as integers: N * p / 100 is exact arithmetic, N * (p / 100) is not (10 * 0.3 < 3).
    const traps = [
      [10, 10], [20, 30], [10, 30], [10, 70], [20, 35], [50, 58], [100, 29], [100, 57], [100, 58], [64, 30],
      [16, 30], [32, 30], [1, 99], [2, 50], [3, 33],
    ] as const; // prettier-ignore
    const size = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 99 }));
    const random = fc.sample(size, { numRuns: 200 - traps.length, seed: 1 });
    for (const [filters, percent] of [...traps, ...random]) {
      const one = oneConv(filters);
      shelf.dispose();
      shelf = randomShelf(one, filters);
      const [kept] = vectorsOf(choose({ rate: percent / 100 }, one));
      const units = kept!.length;
      const expected = Math.min(units - 1, Math.floor((units * percent) / 100));
      expect(removedOf(kept).length, `${units} units at ${percent} %`).toBe(expected);
    }
  });

  it('keeps no unit that scores below a removed one', () => {
    shelf = randomShelf(graph, 2);
    const method = make({ rate: 0.4 });
    for (const [name, kept] of byKernel(method.choose(graph, shelf.read))) {
      const scores = method.score(graph, shelf.read).kernels.get(name)!.values;
      expect(scores.length).toBe(kept.length);
      const of = (flag: number): Float32Array => scores.filter((_, unit) => kept[unit] === flag);
      expect(Math.min(...of(1))).toBeGreaterThanOrEqual(Math.max(...of(0)));
    }
  });

  it('keeps the lower index where scores are equal', () => {
    // The method's own scores made equal: what is tested is what the shared code makes of its units.
    shelf = randomShelf(graph, 3);
    for (const scope of scopes) {
      const level = make({ rate: 0.4, scope });
      const { method } = level;
      const score = method.scoreKernel.bind(method);
      method.scoreKernel = (...given) => tf.onesLike(score(...given));
      for (const kept of vectorsOf(level.choose(graph, shelf.read))) {
        const stays = kept.length - removedOf(kept).length;
        expect(removedOf(kept)).toEqual([...kept.keys()].slice(stays));
      }
    }
  });

  it('chooses the same for the same kernels', () => {
    shelf = randomShelf(graph, 3);
    for (const scope of scopes) {
      expect(choose({ rate: 0.35, scope })).toEqual(choose({ rate: 0.35, scope }));
    }
  });

  describe.each(['tensorflow', 'wasm'] as const)('on %s', (engine) => {
    it.skipIf(engine === 'tensorflow' && withoutNative !== null)(
      'chooses the same as on cpu, for 12 seeds',
      async () => {
        const cases = Array.from({ length: 12 }, (_, seed) => ({
          seed,
          options: { rate: 0.3, scope: scopes[seed % scopes.length]! },
        }));
        const choices = (): KeepSet[] =>
          cases.map(({ seed, options }) => {
            shelf.dispose();
            shelf = randomShelf(graph, seed);
            return choose(options);
          });
        const here = choices();
        const there = await on(engine, choices);
        cases.forEach(({ seed, options }, index) => {
          shelf.dispose();
          shelf = randomShelf(graph, seed);
          const scores = comparedScores(make(options), graph, shelf.read);
          const margin = marginBetween(here[index]!, there[index]!, scores);
          if (margin === null) return;
          const place = `${id}, seed ${seed}, ${options.scope}, cpu and ${engine}`;
          expect(margin, place).toBeLessThan(1e-6);
          process.stderr.write(`${place}: other units, whose scores differ by ${margin}\n`);
        });
      },
    );
  });

  it('removes a set that grows with the rate', () => {
    shelf = randomShelf(graph, 4);
    for (const scope of scopes) {
      let before = choose({ rate: 0, scope });
      for (let percent = 5; percent <= 85; percent += 5) {
        const after = choose({ rate: percent / 100, scope });
        expectWithin(before, after);
        before = after;
      }
    }
  });

  it('removes nothing at rate 0', () => {
    shelf = randomShelf(graph, 5);
    for (const scope of scopes) {
      const kept = vectorsOf(choose({ rate: 0, scope }));
      expect(kept.length).toBeGreaterThan(2);
      for (const vector of kept) expect(vector).not.toContain(0);
    }
  });

  it.each(scopes.flatMap((scope) => regrowths.map((regrowth) => ({ scope, regrowth }))))(
    'never gives back what is held, as the rate grows and scores change: $regrowth, $scope',
    (options) => {
      const method = new Chooser(create(), { rate: 0.6, ...options });
      let held: KeepSet = keepAll;
      for (let event = 0; event <= 4; event++) {
        shelf.dispose();
        shelf = randomShelf(graph, 10 + event);
        const keep = shelf.showTo(method, graph, event).choose(graph, shelf.read, momentOf(event));
        expectWithin(held, keep);
        expectWithin(held, method.held);
        expectWithin(method.held, keep);
        held = method.held;
        if (options.regrowth === 'soft') expect(held).toEqual(keepAll);
        if (options.regrowth === 'hard' || event === 4) {
          expect(held).toEqual(options.regrowth === 'soft' ? keepAll : keep);
        }
      }
      expect(totalRemoved(method.keep)).toBe(totalRemoved(choose({ rate: 0.6, ...options })));
    },
  );

  it('holds part of what it removes while gradual', () => {
    shelf = randomShelf(graph, 6);
    const method = make({ rate: 0.6, regrowth: 'gradual' });
    const keep = method.choose(graph, shelf.read, { progress: 0.5, rateOf: (rate) => rate });
    const half = choose({ rate: 0.3 });
    expect(totalRemoved(method.held)).toBe(totalRemoved(half));
    expect(totalRemoved(method.held)).toBeLessThan(totalRemoved(keep));
  });

  it('goes on from a restored choice: what was held goes first, whatever the scores say', () => {
    for (const scope of scopes) {
      shelf = randomShelf(graph, 6);
      const first = choose({ rate: 0.3, scope });
      shelf.dispose();
      shelf = randomShelf(graph, 7); // other scores, for methods that look at any
      const stronger = make({ rate: 0.6, scope });
      Object.assign(stronger, { keep: first, held: first });
      const second = stronger.choose(graph, shelf.read);
      expectWithin(first, second);
      expect(totalRemoved(second)).toBe(totalRemoved(choose({ rate: 0.6, scope })));
      shelf.dispose();
    }
  });

  it('ranks everything anew where it is soft', () => {
    const method = new Chooser(create(), { rate: 0.3, regrowth: 'soft' });
    for (const seed of [6, 7]) {
      shelf.dispose();
      shelf = randomShelf(graph, seed);
      const keep = shelf.showTo(method, graph).choose(graph, shelf.read);
      expect(keep).toEqual(choose({ rate: 0.3 }));
    }
  });

  it('proposes at each rate of a search what it would choose at it', () => {
    shelf = randomShelf(graph, 7);
    const chooser = make({ rate: 0.3 });
    const propose = proposeByRate(graph, chooser.score(graph, shelf.read), chooser.policy);
    for (const rate of [0.1, 0.3, 0.6]) expect(propose(rate)).toEqual(choose({ rate }));
  });

  it('remembers nothing of what it has scored', () => {
    shelf = randomShelf(graph, 7);
    const chooser = make({ rate: 0.3 });
    const before = Object.assign({}, chooser.method);
    const first = chooser.score(graph, shelf.read).kernels;
    expect(chooser.score(graph, shelf.read).kernels).toEqual(first);
    expect(Object.assign({}, chooser.method)).toEqual(before);
  });

  it.each(commonScopes)('takes a %s rate of all units together', (scope) => {
    shelf = randomShelf(graph, 8);
    const keep = choose({ rate: 0.37, scope });
    expect(totalRemoved(keep)).toBe(Math.floor((totalUnits(keep) * 37) / 100));
  });

  it.each(scopes)('keeps at least minKeep units, scope %s', (scope) => {
    shelf = randomShelf(graph, 9);
    for (const vector of vectorsOf(choose({ rate: 0.6, scope, minKeep: 3 }))) {
      expect(vector.length - removedOf(vector).length).toBeGreaterThanOrEqual(3);
    }
  });

  it.each(commonScopes)('loses between minRate and maxRate of every layer, scope %s', (scope) => {
    shelf = randomShelf(graph, 9);
    const limits = { scope, minRate: 0.2, maxRate: 0.6 };
    const keep = choose({ rate: 0.4, ...limits });
    for (const vector of vectorsOf(keep)) {
      expect(removedOf(vector).length).toBeGreaterThanOrEqual(Math.floor(vector.length * 0.2));
      expect(removedOf(vector).length).toBeLessThanOrEqual(Math.floor(vector.length * 0.6 + 1e-9));
    }
    expect(totalRemoved(keep)).toBe(Math.floor(totalUnits(keep) * 0.4));
  });

  it.each([
    { rate: 0.97, scope: 'global', minKeep: 3 },
    { rate: 0.97, scope: 'adaptive', minKeep: 3 },
    { rate: 0.7, scope: 'global', maxRate: 0.6 },
    { rate: 0.1, scope: 'adaptive', minRate: 0.2 },
  ] as const)('refuses a rate that the limits leave out of reach: %j', (options) => {
    shelf = randomShelf(graph, 9);
    const method = make(options);
    expect(() => method.choose(graph, shelf.read)).toThrow(
      new RegExp(`^rate ${options.rate} asks for \\d+ of \\d+ units, the limits per layer leave`),
    );
    expect([method.keep, method.held]).toEqual([keepAll, keepAll]);
  });

  it.each(['up', 'down', 'nearest'] as const)(
    'rounds kept filters %s, to multiples',
    (rounding) => {
      shelf = randomShelf(graph, 9);
      const plain = vectorsOf(choose({ rate: 0.4 })).map(keptOf);
      const rounded = vectorsOf(choose({ rate: 0.4, roundTo: 4, rounding })).map(keptOf);
      // 3, 8 and 6 filters stay of 5, 12 and 9; none of the layers goes below a multiple.
      const filters = { up: [4, 8, 8], down: [4, 8, 4], nearest: [4, 8, 8] }[rounding];
      expect(rounded).toEqual(isOfFilters() ? filters : plain); // weights are not channels
    },
  );

  it('leaves no tensor behind and the model as it was', () => {
    const model = cifarResNet(8, { inputShape: [4, 4, 1], classes: 2, widths: [3, 4, 5] });
    const resnet = ChannelGraph.of(model);
    const before = valuesOf(model);
    const tensors = tf.memory().numTensors;
    for (const counting of countings) {
      const options = counting === 'exact' ? ({ scope: 'global', merge: 'score' } as const) : {};
      const method = new Chooser(create(), { rate: 0.4, counting, ...options });
      method.evidence = evidenceFor(method.method, resnet, readerOf(model), 1);
      const lent = method.evidence?.size ?? 0;
      method.choose(resnet, readerOf(model));
      expect(tf.memory().numTensors).toBe(tensors + lent);
      disposeEvidence(method.evidence);
    }
    expect(valuesOf(model)).toEqual(before);
    model.dispose();
  });

  it.each([NaN, Infinity])('names the kernel of which it reads a %d', async (bad) => {
    const refuses = (): void => {
      shelf = randomShelf(graph, 10);
      const read = new Set<string>();
      const noted: KernelReader = (name) => {
        read.add(name);
        return shelf.read(name);
      };
      make({ rate: 0.3 }).choose(graph, noted);
      const own = [...read].filter((name) => name.startsWith('conv1'));
      expect(own).toContain('conv1/kernel');
      for (const name of own) {
        const kernels = randomShelf(graph, 10);
        spoil(kernels, name, bad);
        for (const counting of countings) {
          const method = kernels.showTo(new Chooser(create(), { rate: 0.3, counting }), graph);
          const lent = tf.memory().numTensors;
          expect(() => method.choose(graph, kernels.read)).toThrow(/conv1\/kernel must be finite/);
          expect(tf.memory().numTensors).toBe(lent);
        }
        kernels.dispose();
      }
      shelf.dispose();
    };
    refuses();
    if (withoutNative === null) await on('tensorflow', refuses);
  });

  it.each([NaN, Infinity])('names the kernel of which it observed a %d', (bad) => {
    shelf = randomShelf(graph, 10);
    const method = make({ rate: 0.3 });
    const { evidence } = method;
    if (!evidence) return; // it observes nothing
    const seen = evidence.get('conv1/kernel')!;
    const values = seen.dataSync<'float32'>().slice();
    values[7] = bad;
    const spoilt = tf.tensor(values, seen.shape);
    method.evidence = new Map([...evidence, ['conv1/kernel', spoilt]]);
    expect(() => method.choose(graph, shelf.read)).toThrow(/conv1\/kernel must be finite/);
    const others = [...evidence].filter(([name]) => name !== 'conv1/kernel');
    method.evidence = new Map(others);
    expect(() => method.choose(graph, shelf.read)).toThrow('nothing was observed of conv1/kernel');
    method.evidence = null;
    expect(() => method.choose(graph, shelf.read)).toThrow('must be observed before the choice');
    spoilt.dispose();
  });

  it('reads its options from the command line and has them all', () => {
    shelf = randomShelf(graph, 11);
    const ofFilters = isOfFilters()
      ? '--merge max --min-keep 2 --round-to 8 --rounding nearest'
      : '';
    const ofCriterion = Object.entries(own).map(([name, value]) => `--${kebab(name)} ${value}`);
    const line =
      `train --method ${id} --rate 0.37 --scope adaptive --min-rate 0.1 --max-rate 0.9 ` +
      `--regrowth soft --seed 7 --layer-rate conv0=0.2,conv1=0.5 ${ofFilters} ${ofCriterion.join(' ')}`;
    const { config } = parse(line.trim().split(/ +/), {}) as unknown as Run<'train'>;
    const expected: Policy = {
      rate: 0.37,
      scope: 'adaptive',
      minRate: 0.1,
      maxRate: 0.9,
      regrowth: 'soft',
      layerRates: [
        { pattern: 'conv0', rate: 0.2 },
        { pattern: 'conv1', rate: 0.5 },
      ],
      merge: ofFilters ? 'max' : 'mean',
      minKeep: ofFilters ? 2 : 1,
      roundTo: ofFilters ? 8 : 1,
      rounding: ofFilters ? 'nearest' : 'up',
      counting: 'exact',
      pattern: { kind: 'none' },
    };
    expect(Object.keys(expected).sort()).toEqual(Object.keys(completePolicy({ rate: 0.5 })).sort());
    const { method, policy } = chooseMethod(toJobOptions(config))!;
    expect(method).toBeInstanceOf(methods[id]);
    expect(policy).toEqual(expected);
    expect(method).toEqual(createMethod(id, { ...own, seed: 7 }));
    expect(completePolicy(policy)).toEqual(policy);
  });

  it('is what the catalogue says of it', () => {
    shelf = randomShelf(graph, 1);
    const { unit, options } = factsOf(id);
    expect(isOfFilters() ? 'filter' : 'weight').toBe(unit);
    const usual = Object.entries(options).map(([key, option]) => [key, option.default]);
    const values = { ...Object.fromEntries(usual), ...own } as Record<string, unknown>;
    expect(createMethod(id, own).observes !== 'nothing').toBe(isObserving(id, values));
  });

  it.each([1, 1.5, -0.1, NaN, Infinity])('rejects the rate %d', (rate) => {
    expect(() => make({ rate })).toThrow(`rate must be in [0, 1), got ${rate}`);
  });

  it.each([0, 1.5, NaN])('rejects %d as minKeep and as roundTo', (count) => {
    const made = (options: Partial<PolicyOptions>) => () => make({ rate: 0.5, ...options });
    expect(made({ minKeep: count })).toThrow('minKeep must be a whole number');
    expect(made({ roundTo: count })).toThrow('roundTo must be a whole number');
  });

  it('knows no common ranking in the published codes', () => {
    expect(() => make({ rate: 0.5, counting: 'paper', scope: 'global' })).toThrow(
      'scope must be uniform with counting paper, got global',
    );
  });

  it('refuses to go on from a choice made for another network', () => {
    const [here, there] = [chainGraph([4]), chainGraph([6])];
    shelf = randomShelf(here, 1);
    const method = make({ rate: 0.5 }, here);
    method.choose(here, shelf.read);
    shelf.dispose();
    shelf = randomShelf(there, 1);
    shelf.showTo(method, there);
    expect(() => method.choose(there, shelf.read)).toThrow(OptionError);
  });

  it('chooses in a network of coupled groups under every merge and scope', () => {
    const coupled = residualGraph();
    shelf = randomShelf(coupled, 12);
    for (const scope of scopes) {
      for (const merge of ['mean', 'sum', 'max', 'score', 'and', 'or'] as const) {
        const keep = choose({ rate: 0.5, scope, merge }, coupled);
        expect(totalRemoved(keep)).toBeGreaterThan(0);
        expect(Math.min(...vectorsOf(keep).map(keptOf))).toBeGreaterThan(0);
      }
    }
  });
});

const oneConvGraphs = new Map<number, ChannelGraph>();

/** The graph of one 1x1 convolution; tracing takes longer than choosing. */
function oneConv(filters: number): ChannelGraph {
  const graph = oneConvGraphs.get(filters) ?? oneConvGraph([1, 1, 2, filters]);
  oneConvGraphs.set(filters, graph);
  return graph;
}

/** The event of a schedule of five, by a rate that grows faster at first. */
function momentOf(event: number): Moment {
  const progress = event / 4;
  return { progress, rateOf: (rate) => rate * (1 - (1 - progress) ** 2) };
}

/** Does the work on another engine, and goes back to `cpu`. */
async function on<Result>(engine: EngineId, work: () => Result): Promise<Result> {
  await startEngine(engine);
  try {
    return work();
  } finally {
    await startEngine('cpu');
  }
}

/** By kernel name the scores that the ranking compares. */
function comparedScores(
  chooser: Chooser,
  graph: ChannelGraph,
  read: KernelReader,
): Map<string, ArrayLike<number>> {
  const isAdaptive = chooser.policy.scope === 'adaptive';
  const { kernels } = chooser.score(graph, read);
  return new Map(
    [...kernels].map(([name, { values }]) => [
      name,
      isAdaptive ? chooser.method.normalise(values, {}) : values,
    ]),
  );
}

/**
 * How far the scores of units differ that only one of two keep sets has, relative to the highest;
 * null where the keep sets are equal.
 */
function marginBetween(
  a: KeepSet,
  b: KeepSet,
  scores: ReadonlyMap<string, ArrayLike<number>>,
): number | null {
  const others = byKernel(b);
  const parted = [...byKernel(a)].flatMap(([name, kept]) =>
    Array.from(scores.get(name)!).filter((_, unit) => kept[unit] !== others.get(name)![unit]),
  );
  if (parted.length === 0) return null;
  return (Math.max(...parted) - Math.min(...parted)) / Math.max(...parted.map(Math.abs));
}

function vectorsOf({ groups, weights }: KeepSet): Uint8Array[] {
  return [...groups.values(), ...weights.values()];
}

/** By kernel name what stays of its filters or weights, in a network whose groups have one producer. */
function byKernel({ groups, weights }: KeepSet): Map<string, Uint8Array> {
  const filters = [...groups].map(([id, kept]) => [`${id}/kernel`, kept] as const);
  return new Map([...filters, ...weights]);
}

function keptOf(vector: Uint8Array): number {
  return vector.length - removedOf(vector).length;
}

function totalUnits(keep: KeepSet): number {
  return vectorsOf(keep).reduce((sum, { length }) => sum + length, 0);
}

function totalRemoved(keep: KeepSet): number {
  return vectorsOf(keep).reduce((sum, vector) => sum + removedOf(vector).length, 0);
}

/** Every unit that `small` removes is removed by `large` too. */
function expectWithin(small: KeepSet, large: KeepSet): void {
  for (const part of ['groups', 'weights'] as const) {
    for (const [name, kept] of small[part]) {
      const stays = large[part].get(name)!;
      const returned = [...kept.keys()].filter((unit) => kept[unit] === 0 && stays[unit] !== 0);
      expect(returned, name).toEqual([]);
    }
  }
}

/** Puts a value that is not finite among those of a weight. */
function spoil(shelf: KernelShelf, name: string, bad: number): void {
  const weight = shelf.read(name);
  const values = weight.dataSync<'float32'>().slice();
  values[7] = bad;
  shelf.set(name, weight.shape, values);
}

function valuesOf(model: tf.LayersModel): Float32Array[] {
  return [...weightsByName(model).values()].map((weight) =>
    weight.read().dataSync<'float32'>().slice(),
  );
}

function readerOf(model: tf.LayersModel): KernelReader {
  const weights = weightsByName(model);
  return (name) => weights.get(name)!.read();
}
