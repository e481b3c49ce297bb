import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { harden, mask } from '../../../surgery';
import { Network, ChannelGraph, countMacs } from '../../../graph';
import type { KeepSet } from '../../../graph';
import { weightReader } from '../../../layers';
import {
  completePolicy,
  NormFilter,
  NormWeight,
  proposeByRate,
  scoreKernels,
} from '../../../methods';
import type { Methodology, Propose } from '../../../methods';
import type { Quality, Sensitivity } from '../../../report/sensitivity';
import { scanGroups } from '../../../measure/search/sensitivity';
import { OtherScanError, SensitivityLog } from '../../../measure/search/sensitivity-log';
import { evaluate } from '../../../measure/accuracy';
import { NotedProgress, scratchFolder, toyData, toyModel } from '../../trainer/fixtures/toy-run';

const data = toyData(16, 30);
const rates = [0.1, 0.25, 0.5, 0.75];
const identity = { network: 'n', options: { method: 'norm-filter' } };

async function quality(model: tf.LayersModel): Promise<Quality> {
  const { loss, top1 } = await evaluate(model, data.validation, data, 8);
  return { loss, accuracy: top1 };
}

/** What the method leaves of the network at a rate. */
function proposeOf(method: Methodology, model: tf.LayersModel, graph: ChannelGraph): Propose {
  const scores = scoreKernels(method, { graph, kernel: weightReader(model) });
  return proposeByRate(graph, scores, completePolicy({ rate: 0.5 }));
}

interface Attempt {
  readonly folder: string;
  readonly method?: Methodology;
  /** Measurements after which a signal comes. */
  readonly until?: number;
}

async function scan({
  folder,
  method = new NormFilter(),
  until = Infinity,
}: Attempt): Promise<{ found: Sensitivity; measured: number }> {
  const model = toyModel();
  const graph = ChannelGraph.of(model);
  const log = await SensitivityLog.open(folder, identity);
  let measured = 0;
  try {
    const found = await scanGroups({
      ...{ network: new Network(model, graph), rates, log },
      keepAt: proposeOf(method, model, graph),
      images: data.validation.count,
      measure: (masked) => {
        if (++measured > until) throw new Error('stopped');
        return quality(masked);
      },
      progress: new NotedProgress(),
    });
    return { found, measured };
  } finally {
    await log.close();
    model.dispose();
  }
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The network that is left where one group alone is pruned, measured without masks. */
async function small(
  keep: KeepSet,
  unit: 'filter' | 'weight',
): Promise<Quality & { macs: number }> {
  const model = toyModel();
  const graph = ChannelGraph.of(model);
  const left = (unit === 'filter' ? harden : mask)({ model, graph }, keep);
  const result = { ...(await quality(left)), macs: countMacs(ChannelGraph.of(left)) };
  left.dispose();
  model.dispose();
  return result;
}

describe('scanGroups', () => {
  it('measures what the network with one group hardened away does, in loss, accuracy and costs', async () => {
    const { found } = await scan({ folder: scratchFolder() });
    expect(found.groups.map(({ id, layers, units }) => [id, layers, units])).toEqual([
      ['conv0', ['conv0'], 4],
      ['conv1', ['conv1'], 6],
    ]);
    // floor(4 rate) and floor(6 rate) at 0.1, 0.25, 0.5, 0.75
    expect(found.groups.map(({ points }) => points.map(({ removed }) => removed))).toEqual([
      [0, 1, 2, 3],
      [0, 1, 3, 4],
    ]);
    const whole = await small({ groups: new Map(), weights: new Map() }, 'filter');
    expect(found.whole).toMatchObject({ loss: whole.loss, accuracy: whole.accuracy });
    const model = toyModel();
    const graph = ChannelGraph.of(model);
    const keep = proposeOf(new NormFilter(), model, graph)(0.5);
    model.dispose();
    for (const { id, points } of found.groups) {
      const alone = { groups: new Map([[id, keep.groups.get(id)!]]), weights: new Map() };
      const expected = await small(alone, 'filter');
      const point = points.find(({ rate }) => rate === 0.5)!;
      expect(point.loss).toBe(expected.loss); // the law, bit for bit on the cpu backend
      expect(point).toMatchObject({ accuracy: expected.accuracy, macs: expected.macs });
      expect(point.loss).not.toBe(whole.loss);
      expect(points[0]).toMatchObject({ loss: whole.loss, accuracy: whole.accuracy }); // nothing went
    }
  });

  it('takes kernel by kernel where single weights go, the classifier too', async () => {
    const { found } = await scan({
      folder: scratchFolder(),
      method: new NormWeight(),
    });
    expect(found.groups.map(({ id, layers }) => [id, layers])).toEqual([
      ['conv0/kernel', ['conv0']],
      ['conv1/kernel', ['conv1']],
      ['head/kernel', ['head']],
    ]);
    const model = toyModel();
    const graph = ChannelGraph.of(model);
    const keep = proposeOf(new NormWeight(), model, graph)(0.75);
    model.dispose();
    const alone = new Map([['conv1/kernel', keep.weights.get('conv1/kernel')!]]);
    const expected = await small({ groups: new Map(), weights: alone }, 'weight');
    const point = found.groups[1]!.points.at(-1)!;
    expect(point.loss).toBe(expected.loss);
    expect(point.removed).toBe(162); // floor(3 * 3 * 4 * 6 * 0.75)
  });

  it('goes on where it was stopped and ends with the very same answer', async () => {
    const [once, again] = [scratchFolder(), scratchFolder()];
    const whole = await scan({ folder: once });
    expect(whole.measured).toBe(7); // the whole network, then 3 different keeps of 2 groups
    await expect(scan({ folder: again, until: 3 })).rejects.toThrow('stopped');
    const rest = await scan({ folder: again });
    expect(rest.measured).toBe(4);
    expect(rest.found).toEqual(whole.found);
    const log = (folder: string): string => readFileSync(join(folder, 'sensitivity.jsonl'), 'utf8');
    expect(log(again)).toBe(log(once));
    expect((await scan({ folder: again })).measured).toBe(0);
  });

  it('leaves no tensor behind', async () => {
    const folder = scratchFolder();
    const before = tf.memory().numTensors;
    await scan({ folder });
    await expect(scan({ folder: scratchFolder(), until: 2 })).rejects.toThrow('stopped');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('SensitivityLog', () => {
  it('drops a last line that a kill tore, and measures that point again', async () => {
    const folder = scratchFolder();
    const file = join(folder, 'sensitivity.jsonl');
    const { found } = await scan({ folder });
    const whole = readFileSync(file, 'utf8');
    truncateSync(file, whole.length - 5);
    const mended = await scan({ folder });
    expect(mended.measured).toBe(1);
    expect(mended.found).toEqual(found);
    expect(readFileSync(file, 'utf8')).toBe(whole);
  });

  it('refuses a scan of something else and says what differs', async () => {
    const folder = scratchFolder();
    await (await SensitivityLog.open(folder, identity)).close();
    const other = { ...identity, options: { method: 'fpgm' } };
    await expect(SensitivityLog.open(folder, other)).rejects.toThrow(OtherScanError);
    await expect(SensitivityLog.open(folder, other)).rejects.toThrow(
      'options was {"method":"norm-filter"}, it is {"method":"fpgm"} now',
    );
  });

  it('refuses a file that is damaged', async () => {
    const folder = scratchFolder();
    const file = join(folder, 'sensitivity.jsonl');
    await (await SensitivityLog.open(folder, identity)).close();
    appendFileSync(file, '{"group":"conv0","rate":0.5,"loss":"1","accuracy":1}\n');
    await expect(SensitivityLog.open(folder, identity)).rejects.toThrow(
      'line 2.loss must be a number, found "1"',
    );
    writeFileSync(file, 'hello\n');
    await expect(SensitivityLog.open(folder, identity)).rejects.toThrow('line 1 is damaged');
  });
});
