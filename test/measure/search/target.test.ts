import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoppedError } from '../../../errors';
import { harden } from '../../../surgery';
import { weightBytes, writeModel } from '../../../formats';
import { ChannelGraph, countCosts, countMacs, countParams, removedUnits } from '../../../graph';
import type { KeepSet } from '../../../graph';
import { weightsByName } from '../../../layers';
import { NormFilter, NormWeight, proposeByRate } from '../../../methods';
import type { KernelReader, PolicyOptions, Propose } from '../../../methods';
import { architectures } from '../../../models';
import { highestRate } from '../../../measure/search/max-drop';
import { solveLatency } from '../../../measure/search/latency-target';
import { solveRate, TargetedRate, UnreachableTargetError } from '../../../measure/search/target';
import type { CountedTarget } from '../../../measure/search/target';
import { Chooser } from '../../methods/fixtures';
import { describeOn } from '../../engines';

const show = (cost: number): string => `${cost} MACs`;

describeOn(['cpu'], 'solveRate on ResNet-20', () => {
  let model: tf.LayersModel;
  let graph: ChannelGraph;
  let kernel: KernelReader;

  beforeAll(() => {
    model = architectures.resnet20({ inputShape: [8, 8, 3], classes: 4, seed: 1 });
    graph = ChannelGraph.of(model);
    const weights = weightsByName(model);
    kernel = (name) => weights.get(name)!.read();
  });
  afterAll(() => {
    model.dispose();
  });

  const chooserWith = (options: Partial<PolicyOptions> = {}): Chooser =>
    new Chooser(new NormFilter(), { rate: 0.5, ...options });
  /** What the chooser would choose at a rate, after what it has chosen so far. */
  const proposeOf = (chooser: Chooser): Propose =>
    proposeByRate(graph, chooser.score(graph, kernel), chooser.policy, chooser.held);
  const macs = (share: number): CountedTarget => {
    const costOf = (keep: KeepSet): number => countMacs(graph, keep);
    return {
      option: 'targetMacs',
      asked: String(share),
      most: share * countMacs(graph),
      costOf,
      show,
    };
  };
  const params = (share: number): CountedTarget => ({
    ...macs(share),
    most: share * countParams(graph),
    costOf: (keep) => countParams(graph, keep),
  });

  /** MACs and parameters at each rate where a count can change: every k / width, or k / (all channels). */
  function everyRate(chooser: Chooser): { rate: number; macs: number; params: number }[] {
    const sizes = graph.prunable.map(({ channels }) => channels);
    const all = sizes.reduce((sum, size) => sum + size, 0);
    const widths = chooser.policy.scope === 'uniform' ? [16, 32, 64, ...sizes] : [all];
    const rates = new Set(
      widths.flatMap((width) => Array.from({ length: width }, (_, count) => count / width)),
    );
    const propose = proposeOf(chooser);
    return [...rates]
      .sort((a, b) => a - b)
      .flatMap((rate) => {
        try {
          const costs = countCosts(graph, propose(rate));
          const sum = (key: 'macs' | 'params'): number =>
            costs.reduce((total, cost) => total + cost[key], 0);
          return [{ rate, macs: sum('macs'), params: sum('params') }];
        } catch {
          return []; // outside the limits
        }
      });
  }

  const scopes = [
    ['uniform', 0.5, {}],
    ['uniform', 0.3, { roundTo: 4, layerRates: [{ pattern: 'layer3_*_conv1', rate: 0.25 }] }],
    ['global', 0.5, { minRate: 0.1, maxRate: 0.6 }],
  ] as const;

  it.each(scopes)(
    'is the smallest rate of all, by brute force: %s to %f %o',
    (scope, share, more) => {
      const every = everyRate(chooserWith({ scope, ...more }));
      for (const [key, target] of [
        ['macs', macs(share)],
        ['params', params(share)],
      ] as const) {
        const propose = proposeOf(chooserWith({ scope, ...more }));
        const { rate, cost, keep } = solveRate(propose, target);
        // The lowest of all, so that a cost that does not fall evenly would show.
        const least = every.find((one) => one[key] <= target.most)!;
        expect(Math.abs(rate - least.rate)).toBeLessThanOrEqual(1e-6);
        expect(cost).toBe(least[key]);
        expect(cost).toBe(target.costOf(keep));
        expect(cost).toBeLessThanOrEqual(target.most);
        // The answer is what the method does at that rate.
        const again = chooserWith({ scope, ...more, rate }).choose(graph, kernel);
        expect(target.costOf(again)).toBe(cost);
      }
    },
  );

  it('refuses what no rate attains, with the range', () => {
    const propose = proposeOf(chooserWith());
    const least = countMacs(graph, propose(0.999999));
    expect(() => solveRate(propose, { ...macs(0.5), most: 10 })).toThrow(
      new UnreachableTargetError({
        option: 'targetMacs',
        problem:
          `0.5 (10 MACs) cannot be reached; attainable: ${least} MACs (rate 0.999999) ` +
          `to ${countMacs(graph)} MACs (rate 0)`,
      }),
    );
    expect(() => solveRate(propose, macs(1))).toThrow(
      `asks for nothing: the whole network costs ${countMacs(graph)} MACs`,
    );
    const weights = proposeOf(new Chooser(new NormWeight(), { rate: 0.5 }));
    expect(() => solveRate(weights, macs(0.5))).toThrow(
      'what this method removes leaves that cost as it is',
    );
  });

  it('keeps to the limits of a common ranking', () => {
    const propose = proposeOf(chooserWith({ scope: 'global', maxRate: 0.25 }));
    const total = graph.prunable.reduce((sum, { channels }) => sum + channels, 0);
    // every group may lose a quarter, all of them are multiples of 4
    const text = `rate ${Math.floor(((total / 4 + 1) / total) * 1e6 - 1e-3) / 1e6}`;
    expect(() => solveRate(propose, macs(0.1))).toThrow(text);
  });

  it('solves anew without letting a held unit grow', () => {
    const target = macs(0.6);
    const chooser = chooserWith({ scope: 'global' });
    const solved = new TargetedRate(target).rateFor(proposeOf(chooser));
    const first = chooser.choose(graph, kernel, { progress: 1, rateOf: (r) => r, rate: solved });
    expect(countMacs(graph, first)).toBeLessThanOrEqual(target.most);
    // A looser target needs fewer units than are held by now.
    const rate = new TargetedRate(macs(0.9)).rateFor(proposeOf(chooser));
    const second = chooser.choose(graph, kernel, { progress: 1, rateOf: (r) => r, rate });
    expect([...second.groups]).toEqual([...first.groups]);
  });

  it('leaves network and memory as they are', () => {
    const before = tf.memory().numTensors;
    solveRate(proposeOf(chooserWith()), macs(0.5));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(['coupled', 'inner', 'stream'] as const)(
    'counts the bytes that the weight files then have: %s',
    async (residual) => {
      const own = ChannelGraph.of(model, { residual });
      const keep = chooserWith({ rate: 0.4 }).choose(own, kernel);
      const hard = harden({ model, graph: own }, keep);
      const folder = mkdtempSync(join(tmpdir(), 'secateur-bytes-'));
      try {
        await writeModel(hard, join(folder, 'net'));
        const files = readdirSync(join(folder, 'net')).filter((name) => name.endsWith('.bin'));
        const sizes = files.map((name) => statSync(join(folder, 'net', name)).size);
        const bytes = weightBytes({ model, graph: own });
        expect(bytes(keep)).toBe(sizes.reduce((sum, size) => sum + size, 0));
        expect(bytes(keep)).toBeLessThan(bytes({ groups: new Map(), weights: new Map() }));
      } finally {
        hard.dispose();
        rmSync(folder, { recursive: true });
      }
    },
  );

  describeLatency();

  function describeLatency(): void {
    /** Times by the MACs that are left, 0.1 ms each thousand, and how often it was asked. */
    const clock = (noise = 0) => {
      const asked: number[] = [];
      const stopwatch = () => (keep: KeepSet, runs: number) => {
        asked.push(runs);
        const wobble = runs > 30 ? 0 : noise;
        const median = countMacs(graph, keep) / 1e4 + wobble;
        return Promise.resolve({ median, spread: noise, runs });
      };
      return { asked, stopwatch };
    };
    const solve = (
      kind: 'share' | 'figure',
      value: number,
      { stopwatch }: ReturnType<typeof clock>,
    ) =>
      solveLatency(
        { model, graph, propose: proposeOf(chooserWith()) },
        {
          option: 'targetLatency',
          asked: String(value),
          amount: { kind, value },
          show: (ms) => `${ms} ms`,
        },
        { stopwatch },
      );

    it('finds the smallest rate of a time in few measurements', async () => {
      const watch = clock();
      const { rate, cost, target } = await solve('share', 0.5, watch);
      expect(target.most).toBeCloseTo(countMacs(graph) / 2e4, 9);
      // 1e-3 coarser than the exact rate, above it
      const exact = solveRate(proposeOf(chooserWith()), macs(0.5)).rate;
      expect(rate).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(rate).toBeLessThan(exact + 1e-3);
      expect(cost).toBeLessThanOrEqual(target.most);
      expect(watch.asked.length).toBeLessThanOrEqual(12);
    });

    it('measures longer where the noise leaves it open', async () => {
      const watch = clock(60);
      const { cost, target } = await solve('figure', countMacs(graph) / 2e4, watch);
      expect(cost).toBeLessThanOrEqual(target.most);
      expect(watch.asked).toContain(120);
    });

    it('refuses a time that no rate attains, with the range', async () => {
      await expect(solve('figure', 0.001, clock())).rejects.toThrow(
        /cannot be reached; attainable: /,
      );
      await expect(solve('figure', 1e9, clock())).rejects.toThrow('asks for nothing');
    });

    it('times no further network once it is asked to stop', async () => {
      const watch = clock();
      const stop = new AbortController();
      const solving = solveLatency(
        { model, graph, propose: proposeOf(chooserWith()) },
        {
          ...{ option: 'targetLatency', asked: '50%', show: (ms) => `${ms} ms` },
          amount: { kind: 'share', value: 0.5 },
        },
        {
          stopwatch: watch.stopwatch,
          signal: stop.signal,
          onCandidate: () => {
            stop.abort(new StoppedError('SIGINT'));
          },
        },
      );
      await expect(solving).rejects.toThrow(new StoppedError('SIGINT'));
      expect(watch.asked).toHaveLength(2); // the whole network and the first candidate
    });
  }
});

describeOn(['cpu'], 'highestRate', () => {
  /** One unit of 1000 goes for each thousandth. */
  const propose = (rate: number): KeepSet => {
    const removed = Math.floor(20 * rate + 1e-9); // as a layer of 20 channels
    const kept = Uint8Array.from({ length: 20 }, (_, unit) => (unit < removed ? 0 : 1));
    return { groups: new Map([['a', kept]]), weights: new Map() };
  };
  const search = (accuracies: readonly number[], maxDrop: number, tried: number[] = []) =>
    highestRate({
      propose,
      judge: (keep) => {
        tried.push(removedUnits(keep));
        return Promise.resolve(accuracies[removedUnits(keep)]!);
      },
      whole: 0.9,
      maxDrop,
    });

  it('is the highest rate within the drop where accuracy falls, each network judged once', async () => {
    const accuracies = Array.from({ length: 20 }, (_, removed) => 0.9 - removed * 0.01);
    const tried: number[] = [];
    const { rate, drop } = await search(accuracies, 5, tried);
    expect(rate).toBe(0.299); // 5 of 20 from 0.25 on, 6 from 0.3 on
    expect(drop).toBeCloseTo(5, 9);
    expect(new Set(tried).size).toBe(tried.length);
    expect(tried.length).toBeLessThanOrEqual(7);
  });

  it('ends beside a network that loses more, also where accuracy goes up and down', async () => {
    const accuracies = Array.from({ length: 20 }, (_, removed) => (removed % 4 < 2 ? 0.9 : 0.5));
    const tried: number[] = [];
    const { keep } = await search(accuracies, 1, tried);
    const removed = removedUnits(keep);
    expect(accuracies[removed]).toBe(0.9);
    if (removed < 19) expect(accuracies[removed + 1]).toBe(0.5);
    if (removed < 19) expect(tried).toContain(removed + 1);
  });

  it('takes the highest rate where nothing is lost', async () => {
    const { rate } = await search(Array<number>(20).fill(0.95), 0);
    expect(rate).toBe(0.999);
  });

  it('refuses where the smallest removal costs more', async () => {
    await expect(search([0.9, ...Array<number>(19).fill(0.8)], 1)).rejects.toThrow(
      'maxDrop 1 cannot be kept: the smallest removal, rate 0.05, already costs 10.00 points',
    );
  });

  it('judges no further network once it is asked to stop', async () => {
    const stop = new AbortController();
    let judged = 0;
    const searching = highestRate({
      propose,
      judge: () => {
        judged++;
        stop.abort(new StoppedError('SIGTERM'));
        return Promise.resolve(0.9);
      },
      ...{ whole: 0.9, maxDrop: 1, signal: stop.signal },
    });
    await expect(searching).rejects.toThrow(new StoppedError('SIGTERM'));
    expect(judged).toBe(1);
  });
});
