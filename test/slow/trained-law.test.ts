import type * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { loadDataSet, trainingBatches } from '../../data';
import type { DataSet } from '../../data';
import { harden, verify } from '../../surgery';
import { ChannelGraph, Network, removedUnits } from '../../graph';
import { prunable } from '../../layers';
import { createMethod, schedules, startingAt } from '../../methods';
import type { MethodId } from '../../methods';
import { resnet20 } from '../../models';
import { sampleImages } from '../../jobs/hand-over';
import { Sgd } from '../../trainer/step/optimizer';
import { Pruning } from '../../trainer/pruning/pruning';
import { EagerStep } from '../../trainer/step/eager-step';
import { Timetable } from '../../trainer/pruning/timetable';

/** Two short epochs of ResNet-20 on real digits, pruned after each. */
async function trained(
  id: MethodId,
  regrowth: 'soft' | 'hard',
  residual: 'coupled' | 'inner',
  data: DataSet,
): Promise<{ model: tf.LayersModel; graph: ChannelGraph; pruning: Pruning }> {
  const built = resnet20({ inputShape: [28, 28, 1], classes: 10 });
  const model = prunable(built);
  built.dispose();
  const graph = ChannelGraph.of(model, { residual });
  const optimizer = new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 });
  const step = new EagerStep(model, optimizer);
  const timetable = new Timetable({ from: 0, every: 1, atStart: false }, 2);
  const schedule = startingAt(schedules.constant);
  const method = createMethod(id);
  const policy = { rate: 0.3, regrowth };
  const parts = {
    network: new Network(model, graph),
    method,
    policy,
    optimizer,
    timetable,
    schedule,
    extent: 'unit',
  } as const;
  const pruning = new Pruning(parts);
  for (const epoch of [0, 1]) {
    const order = { seed: 1, epoch, batchSize: 64, augment: true };
    for await (const batch of trainingBatches(data, order)) {
      step.run(batch, 0.05).dispose();
      batch.dispose();
    }
    pruning.event(epoch);
  }
  optimizer.dispose();
  return { model, graph, pruning };
}

describe('the law on trained networks', () => {
  let data: DataSet;
  beforeAll(async () => {
    await startEngine('auto');
    data = await loadDataSet('mnist', { seed: 1, limitTrain: 1_000, limitValidation: 100 });
  });

  const cases = (['fpgm', 'norm-filter', 'norm-weight'] as const).flatMap((id) =>
    (['soft', 'hard'] as const).flatMap((regrowth) =>
      (['coupled', 'inner'] as const).map((residual) => ({ id, regrowth, residual })),
    ),
  );

  it.each(cases)('$id $regrowth $residual', async ({ id, regrowth, residual }) => {
    const engine = await startEngine('auto');
    const { model, graph, pruning } = await trained(id, regrowth, residual, data);
    expect(removedUnits(pruning.keep)).toBeGreaterThan(0);
    const hard = harden({ model, graph }, pruning.keep);
    const comparison = { model, graph, keep: pruning.keep, hard };
    const here = await verify(comparison, sampleImages(data.validation, data, 64));
    await startEngine('cpu');
    const onCpu = await verify(comparison, sampleImages(data.validation, data, 4));
    expect(onCpu).toMatchObject({ backend: 'cpu', samples: 4, maxAbsDiff: 0 });
    console.log(
      `${id} ${regrowth} ${residual}: largest difference ${here.maxAbsDiff} of ` +
        `${here.maxAbsOutput.toFixed(2)} on ${engine.id}, 0 on cpu`,
    );
    model.dispose();
    hard.dispose();
  });
});
