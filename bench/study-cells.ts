/** The cells of the study: what each one runs. */
import path from 'node:path';

/** A way to prune, and the options of `train` that ask for it. */
export interface Cell {
  readonly name: string;
  /** What a reader is told of it. */
  readonly title: string;
  readonly options: string;
  /** What its rate counts. */
  readonly unit: 'filters' | 'weights';
  /** Whether it removes as many filters as the random choice does, and so is compared with it. */
  readonly isRival: boolean;
}

/** The cell that removes nothing, and the one that chooses blindly. */
export const DENSE = 'dense';
export const RANDOM = 'random30';

const filters = { unit: 'filters', isRival: true } as const;

/** In the order of the table. */
export const cells: readonly Cell[] = [
  {
    name: DENSE,
    title: 'dense, nothing removed',
    options: '--method none --rate 0',
    unit: 'filters',
    isRival: false,
  },
  {
    name: 'sfp30',
    title: 'SFP, L2 norm, soft, 0.3',
    options: '--method norm-filter --norm l2 --regrowth soft --rate 0.3',
    ...filters,
  },
  {
    name: 'fpgm30',
    title: 'FPGM, hard, 0.3',
    options: '--method fpgm --regrowth hard --rate 0.3',
    ...filters,
  },
  {
    name: RANDOM,
    title: 'random filters, hard, 0.3',
    options: '--method random-filter --regrowth hard --rate 0.3',
    unit: 'filters',
    isRival: false,
  },
  {
    name: 'l1-30',
    title: 'L1 norm, hard, 0.3',
    options: '--method norm-filter --norm l1 --regrowth hard --rate 0.3',
    ...filters,
  },
  {
    name: 'fpgm40',
    title: 'FPGM, hard, 0.4',
    options: '--method fpgm --regrowth hard --rate 0.4',
    unit: 'filters',
    isRival: false,
  },
  {
    name: 'weights90',
    title: 'single weights by size, hard, 0.9',
    options: '--method norm-weight --regrowth hard --rate 0.9',
    unit: 'weights',
    isRival: false,
  },
];

/** Each cell is trained once with each. */
export const seeds = [1, 2, 3] as const;

/** One training of one cell. */
export interface StudyRun {
  readonly cell: Cell;
  readonly seed: number;
  /** Name of its folder, and of the .json beside it that holds its result. */
  readonly name: string;
}

/** Seed by seed, so that a study that is cut short has every cell as often as any. */
export const studyRuns: readonly StudyRun[] = seeds.flatMap((seed) =>
  cells.map((cell) => ({ cell, seed, name: `${cell.name}_s${seed}` })),
);

const common =
  '--dataset fashion-mnist --epochs 10 --limit-train 20000 --batch-size 64 ' +
  '--validation-fraction 0.05 --threads 1 --json';

/** What run.ts is given for a run that begins. */
export function trainArguments({ cell, seed, name }: StudyRun, folder: string): string[] {
  const words = `${common} ${cell.options} --seed ${seed} --run-dir`.split(' ');
  return [...words, path.join(folder, name)];
}

/** What run.ts is given for a run that was interrupted. */
export function resumeArguments({ name }: StudyRun, folder: string): string[] {
  return ['--resume', '--run-dir', path.join(folder, name), '--json'];
}
