import { describe, expect, it } from 'vitest';
import type { Progress } from '../../report/progress';
import { normAdvice, sentencesOf, showTraining } from '../../report/training';
import type { ShownEvent } from '../../report/training';

const position = { step: 12, epoch: 1, batch: 4 };
const pruning = { removed: 5, units: 10, churn: 0.25, held: 2 };
const at = { position, epochs: 3 };

describe('the sentences about a training', () => {
  it('say how an epoch ended', () => {
    const end = { epoch: 1, trainLoss: 0.51239, whole: { top1: 0.75 } };
    expect(sentencesOf({ ...at, kind: 'epoch', ...end, masked: null, pruning: null })).toEqual([
      'epoch 2/3: train loss 0.5124, validation 75.00 %',
    ]);
    expect(sentencesOf({ ...at, kind: 'epoch', ...end, masked: { top1: 0.5 }, pruning })).toEqual([
      'epoch 2/3: train loss 0.5124, validation 75.00 %, masked 50.00 %, ' +
        'removed 5/10, churn 25.00 %, held 2',
    ]);
  });

  it('say what an event between two steps did, and leave that of an epoch to its line', () => {
    const event = { ...at, kind: 'pruned', pruning, firstNorms: null } as const;
    expect(sentencesOf({ ...event, isInEpochEnd: false })).toEqual([
      'after step 12: removed 5/10, churn 25.00 %, held 2',
    ]);
    expect(sentencesOf({ ...event, isInEpochEnd: true })).toEqual([]);
    const firstNorms = { relativeDeviation: 0.45, relativeMin: 0.08 };
    expect(sentencesOf({ ...event, isInEpochEnd: true, firstNorms })).toEqual([
      normAdvice(firstNorms),
    ]);
  });

  it('name each checkpoint that was passed over', () => {
    const skipped = [{ path: '/runs/a/checkpoints/ckpt-00000012', reason: 'torn' }];
    expect(sentencesOf({ ...at, kind: 'resumed', skipped })).toEqual([
      'checkpoint ckpt-00000012 is not used: torn',
    ]);
  });
});

describe('showTraining', () => {
  it('shows each phase from where it is to its end', () => {
    const calls: unknown[][] = [];
    const progress: Progress = {
      start: (...given) => calls.push(['start', ...given]),
      update: (...given) => calls.push(['update', ...given]),
      note: (...given) => calls.push(['note', ...given]),
      stop: () => calls.push(['stop']),
    };
    const observe = showTraining(progress);
    const events: ShownEvent[] = [
      { ...at, kind: 'phase', name: 'train', total: 8, done: 3 },
      { ...at, kind: 'step', meanLoss: null },
      { ...at, kind: 'step', meanLoss: 0.5 },
      { ...at, kind: 'saved' },
      { ...at, kind: 'phase-end' },
      { ...at, kind: 'phase', name: 'validate', total: 9, done: 0 },
      { ...at, kind: 'measured', images: 9 },
      { ...at, kind: 'phase-end' },
    ];
    for (const event of events) observe(event);
    expect(calls).toEqual([
      ['start', 8, 'epoch 2/3'],
      ['update', 3],
      ['update', 4, {}],
      ['update', 4, { loss: 0.5 }],
      ['stop'],
      ['start', 9, 'validate'],
      ['update', 9],
      ['stop'],
    ]);
  });
});

describe('the advice on norms', () => {
  const advice = (relativeDeviation: number, relativeMin: number): string =>
    normAdvice({ relativeDeviation, relativeMin });

  it('finds the norm criterion suitable where the norms spread and reach down to 0', () => {
    expect(advice(0.45, 0.08)).toBe(
      'norms: deviation 45 % of the mean, smallest 8 %: they suit the norm criterion',
    );
    expect(advice(0.25, 0.25)).toContain('suit');
  });

  it.each([
    [0.08, 0.62, '25 % or more deviation and a smallest norm of at most 25 %'],
    [0.08, 0.1, '(it wants 25 % or more deviation);'],
    [0.3, 0.3, '(it wants a smallest norm of at most 25 %);'],
  ])('says what is missing: deviation %d, smallest %d', (deviation, least, wanted) => {
    expect(advice(deviation, least)).toContain(
      'the norm criterion tells these filters apart badly',
    );
    expect(advice(deviation, least)).toContain(wanted);
  });
});
