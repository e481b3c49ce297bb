import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadNewestCheckpoint, saveCheckpoint } from '../../files/run/checkpoint';
import { stateHash } from '../../files/run/encode-checkpoint';
import { createMethod, methods, schedules, startingAt } from '../../methods';
import type { MethodId, Regrowth, ScheduleId } from '../../methods';
import { Adam, Sgd } from '../../trainer/step/optimizer';
import type { Optimizer } from '../../trainer/step/optimizer';
import type { PruningTimes } from '../../trainer/pruning/timetable';
import { describeOn, quickest } from '../engines';
import {
  inObservation,
  scratchFolder,
  StopWhen,
  toyMethods,
  toyTrainer,
  train,
} from './fixtures/toy-run';
import type { Toy, ToyOptions } from './fixtures/toy-run';

/** All that a run leaves behind and that does not tell the time. */
interface Outcome {
  /** Weights, masks, slots and keep set in memory. */
  readonly memory: string;
  /** The same, with step, best and losses, of the last checkpoint and that of the best epoch. */
  readonly checkpoints: readonly string[];
  readonly rows: string;
  readonly table: string;
  readonly best: Toy['trainer']['best'];
}

async function outcomeOf(folder: string, toy: Toy): Promise<Outcome> {
  const checkpoints = [];
  for (const place of ['checkpoints', 'best']) {
    const newest = await loadNewestCheckpoint(join(folder, place));
    checkpoints.push(`${newest!.step} ${stateHash(newest!.state)}`);
  }
  return {
    memory: toy.hash(),
    checkpoints,
    rows: readFileSync(join(folder, 'metrics.jsonl'), 'utf8'),
    table: readFileSync(join(folder, 'metrics.csv'), 'utf8'),
    best: toy.trainer.best,
  };
}

const optimizers = {
  sgd: () => new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  adam: () => new Adam({ weightDecay: 1e-2 }),
} as const;

interface Case {
  readonly id: MethodId;
  readonly regrowth: Regrowth;
  readonly optimizer: keyof typeof optimizers;
  readonly schedule?: ScheduleId;
  readonly times?: Omit<PruningTimes, 'atStart'>;
}

/** New objects for everything, as a new process would make them. */
function optionsOf(kind: Case): ToyOptions & { optimizer: Optimizer } {
  const { id, regrowth, optimizer, schedule = 'constant', times } = kind;
  return {
    method: createMethod(id),
    policy: { rate: 0.4, regrowth },
    optimizer: optimizers[optimizer](),
    epochs: 3,
    schedule: startingAt(schedules[schedule], schedule === 'linear' ? 0.2 : 0),
    pruneAt: { ...(times ?? { from: 0, every: 1 }), atStart: false },
    observeBatches: 2,
  };
}

/** Trains, interrupted at each of the stops in turn, with new objects after each. */
async function outcomeAfter(kind: Case, stops: readonly StopWhen[]): Promise<Outcome> {
  const folder = scratchFolder();
  for (const [attempt, stop] of [...stops, undefined].entries()) {
    const toy = await toyTrainer(folder, { ...optionsOf(kind), stop }, attempt > 0);
    const hasSaved = existsSync(join(folder, 'checkpoints'));
    expect(await toy.trainer.tryResume()).toBe(hasSaved);
    const ending = await train(toy.trainer);
    expect(ending).toBe(stop ? 'stopped' : 'finished');
    if (stop) {
      toy.dispose();
      continue;
    }
    const outcome = await outcomeOf(folder, toy);
    toy.dispose();
    return outcome;
  }
  throw new Error('the last attempt has no stop');
}

/** Epochs of 4 steps, each ending with an event. */
const stops: Readonly<Record<string, (toy: Toy) => boolean>> = {
  'after the first batch': ({ trainer }) => trainer.steps === 1,
  'in mid-epoch': ({ trainer }) => trainer.steps === 6,
  'after the last batch before an event': ({ trainer }) => trainer.steps === 4,
  'in the validation before an event': ({ progress, trainer }) =>
    trainer.steps === 8 && progress.phase === 'validate',
  'in the validation after an event': ({ progress }) => progress.phase === 'validate masked',
  'right after an event': ({ trainer }) => trainer.steps === 5,
  'after the last batch of all': ({ trainer }) => trainer.steps === 12,
};

const cases: Case[] = (Object.keys(toyMethods) as (keyof typeof toyMethods)[]).flatMap((id) =>
  (['soft', 'hard'] as const).map((regrowth): Case => ({
    id,
    regrowth,
    optimizer: regrowth === 'soft' ? 'sgd' : 'adam',
  })),
);
cases.push({ id: 'fpgm', regrowth: 'hard', optimizer: 'sgd' });

/** Stops a run in a step with an event, in a validation and in a step with another event. */
function chain(kind: Case): StopWhen[] {
  const isSilent = kind.regrowth === 'hard' || isSingle(kind) === 'single';
  const phase = isSilent ? 'validate' : 'validate masked';
  return [
    new StopWhen(({ trainer }) => trainer.steps === 2),
    new StopWhen(({ progress, trainer }) => trainer.steps === 8 && progress.phase === phase),
    new StopWhen(({ trainer }) => trainer.steps === 10),
  ];
}

/** Of 3 epochs of 4 steps. */
const timings = [
  { from: 0, every: 1, until: 2, by: 'epoch' },
  { from: 1, every: 4, until: 10, by: 'step' },
] as const satisfies Omit<PruningTimes, 'atStart'>[];

/** The steps done at each event, of several events or a single one. */
const eventSteps = {
  epoch: { several: [4, 8, 12], single: [4] },
  step: { several: [2, 6, 10, 11], single: [2] },
} as const;

/** Every schedule with every regrowth, by epochs and by steps. */
const matrix = (Object.keys(schedules) as ScheduleId[]).flatMap((schedule) =>
  (['soft', 'hard', 'gradual'] as const).flatMap((regrowth) =>
    timings.map((times): Case => ({
      ...{ id: 'norm-filter', regrowth, optimizer: 'sgd', schedule },
      times: schedule === 'one-shot' ? { ...times, until: times.from } : times,
    })),
  ),
);

function isSingle({ schedule }: Case): 'single' | 'several' {
  return schedule === 'one-shot' ? 'single' : 'several';
}

/** What the matrix reads of a row of metrics. */
interface Row {
  readonly step: number;
  readonly removed?: number;
  readonly held?: number;
  readonly rate?: number;
}

const where = quickest === 'cpu' ? ' (native TensorFlow is not set up here)' : '';

describeOn([quickest], `a stopped run that goes on${where}`, () => {
  it.each(cases)(
    'ends with the same bits as one that never stopped: $id, $regrowth, $optimizer',
    async (kind) => {
      const whole = await outcomeAfter(kind, []);
      expect(whole.rows.trimEnd().split('\n')).toHaveLength(3);
      for (const [name, isDue] of Object.entries(stops)) {
        expect(await outcomeAfter(kind, [new StopWhen(isDue)]), name).toEqual(whole);
      }
    },
  );

  it.each(matrix)(
    'does so with schedule $schedule, $regrowth, timed by $times.by, stopped three times',
    async (kind) => {
      const whole = await outcomeAfter(kind, []);
      expect(await outcomeAfter(kind, chain(kind))).toEqual(whole);
      const rows = whole.rows
        .trimEnd()
        .split('\n')
        .map((row) => JSON.parse(row) as Row);
      const events = rows.filter(({ removed }) => removed !== undefined);
      expect(events.map(({ step }) => step)).toEqual(eventSteps[kind.times!.by!][isSingle(kind)]);
      // 1 of 4 + 2 of 6 filters in the end; what may not return is all of it then
      expect(events.at(-1)).toMatchObject({ removed: 3, held: 3, rate: 0.4 });
    },
  );

  it.each(Object.keys(methods) as MethodId[])(
    'does so with the method %s, stopped three times',
    async (id) => {
      const kind: Case = {
        ...{ id, regrowth: 'gradual', optimizer: 'sgd', schedule: 'polynomial' },
        times: { from: 1, every: 4, by: 'step' },
      };
      const whole = await outcomeAfter(kind, []);
      expect(await outcomeAfter(kind, chain(kind))).toEqual(whole);
    },
  );

  it('does so after being stopped at every step and in every validation', async () => {
    const kind: Case = { id: 'norm-filter', regrowth: 'soft', optimizer: 'adam' };
    const whole = await outcomeAfter(kind, []);
    const everyStep = Array.from(
      { length: 12 },
      (_, step) => new StopWhen(({ trainer }) => trainer.steps === step + 1),
    );
    const validations = ['validate', 'validate masked'].map(
      (phase) => new StopWhen(({ progress }) => progress.phase === phase),
    );
    expect(
      await outcomeAfter(kind, [
        ...everyStep.slice(0, 4),
        ...validations,
        ...everyStep.slice(4),
        ...validations,
      ]),
    ).toEqual(whole);
  });

  it('does so where events between steps meet the ends of epochs', async () => {
    const kind: Case = {
      ...{ id: 'norm-filter', regrowth: 'gradual', optimizer: 'sgd', schedule: 'linear' },
      times: { from: 3, every: 4, by: 'step' }, // after the last step of each epoch
    };
    const whole = await outcomeAfter(kind, []);
    const rows = whole.rows.trimEnd().split('\n');
    expect(rows.map((row) => (JSON.parse(row) as Row).step)).toEqual([4, 4, 8, 8, 12, 12]);
    const ends = [
      new StopWhen(({ trainer }) => trainer.steps === 4),
      new StopWhen(({ progress }) => progress.phase === 'validate'),
      new StopWhen(({ progress }) => progress.phase === 'validate masked'),
      new StopWhen(({ trainer }) => trainer.steps === 8),
    ];
    expect(await outcomeAfter(kind, ends)).toEqual(whole);
  });

  it('does so after being stopped while a method observes the network', async () => {
    for (const id of ['taylor-filter', 'apoz'] as const) {
      const kind: Case = { id, regrowth: 'soft', optimizer: 'adam' };
      const whole = await outcomeAfter(kind, []);
      const stop = new StopWhen((toy) => toy.trainer.steps === 8 && inObservation(toy));
      expect(await outcomeAfter(kind, [stop])).toEqual(whole);
    }
  });

  it.each(['soft', 'hard'] as const)(
    'goes on from the checkpoint of a version that did not save what is held: %s',
    async (regrowth) => {
      const kind: Case = { id: 'fpgm', regrowth, optimizer: 'sgd' };
      const whole = await outcomeAfter(kind, []);
      const folder = scratchFolder();
      const stop = new StopWhen(({ trainer }) => trainer.steps === 6);
      const first = await toyTrainer(folder, { ...optionsOf(kind), stop });
      await train(first.trainer);
      first.dispose();
      const place = join(folder, 'checkpoints');
      const { step, state } = (await loadNewestCheckpoint(place))!;
      const { held, ...record } = state.record;
      expect(held).toBeDefined();
      rmSync(place, { recursive: true });
      await saveCheckpoint(place, step, { ...state, record }, { keep: 2 });
      const last = await toyTrainer(folder, optionsOf(kind), true);
      await last.trainer.tryResume();
      await last.trainer.train();
      expect(await outcomeOf(folder, last)).toEqual(whole);
      last.dispose();
    },
  );

  it('goes on in the same process as well', async () => {
    const kind: Case = { id: 'fpgm', regrowth: 'soft', optimizer: 'sgd' };
    const whole = await outcomeAfter(kind, []);
    for (const isDue of Object.values(stops)) {
      let hasStopped = false;
      const stop = new StopWhen((toy) => {
        if (hasStopped || !isDue(toy)) return false;
        hasStopped = true;
        return true;
      });
      const folder = scratchFolder();
      const toy = await toyTrainer(folder, { ...optionsOf(kind), stop });
      expect(await train(toy.trainer)).toBe('stopped');
      expect(await train(toy.trainer)).toBe('finished');
      expect(await outcomeOf(folder, toy)).toEqual(whole);
      toy.dispose();
    }
  });

  it('goes on from before the end of an epoch whose row is written already', async () => {
    // Killed between the row and the checkpoint: the newest checkpoint is that of the last step.
    const kind: Case = { id: 'fpgm', regrowth: 'hard', optimizer: 'sgd' };
    const whole = await outcomeAfter(kind, []);
    const folder = scratchFolder();
    const stop = new StopWhen(({ trainer }) => trainer.steps === 4);
    const first = await toyTrainer(folder, { ...optionsOf(kind), stop });
    await train(first.trainer);
    first.dispose();
    const killed = await toyTrainer(folder, optionsOf(kind), true);
    await killed.trainer.tryResume();
    const note = killed.progress.note.bind(killed.progress);
    killed.progress.note = (text) => {
      note(text); // the line of the epoch comes after its row
      if (text.startsWith('epoch')) throw new Error('killed');
    };
    await expect(killed.trainer.train()).rejects.toThrow('killed');
    killed.dispose();
    expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8')).not.toBe('');
    const last = await toyTrainer(folder, optionsOf(kind), true);
    await last.trainer.tryResume();
    expect(last.trainer.steps).toBe(4);
    await last.trainer.train();
    expect(await outcomeOf(folder, last)).toEqual(whole);
    last.dispose();
  });
});
