import { RegistrationError, requireNewName } from '../errors';
import { addDataSet, dataSetIds } from './catalogue';
import type { DataSetEntry } from './data-set';

/**
 * Teaches the program a data set under a name, which `loadDataSet`, `data` of the jobs and, when a module of
 * `--register` does it, `--dataset` then take.
 *
 * @throws {RegistrationError} when the name is taken, or the entry is none that could be loaded.
 */
export function registerDataSet(id: string, entry: DataSetEntry): void {
  requireNewName('data set', id, dataSetIds);
  const fault = findFault(entry);
  if (fault !== null) throw new RegistrationError(`the data set ${id}`, fault);
  addDataSet(id, entry);
}

const recipeNumbers = [
  ...(['epochs', 'batchSize', 'learningRate', 'momentum', 'weightDecay'] as const),
  ...(['limitTrain', 'limitValidation', 'limitTest'] as const),
];

type Given = Partial<DataSetEntry>;

/** What an entry may lack, in words, and how that is seen; a module of plain JavaScript may hand over anything. */
const faults: readonly (readonly [problem: string, isLacking: (given: Given) => boolean])[] = [
  ['its title must be text', ({ title }) => typeof title !== 'string'],
  ['its classes must be two or more different names', ({ classes }) => !areClasses(classes)],
  [
    'its augmentation must say pad (a number) and flip',
    ({ augmentation: random }) =>
      typeof random?.pad !== 'number' || typeof random.flip !== 'boolean',
  ],
  ...recipeNumbers.map(
    (key) =>
      [
        `its recipe must have a number ${key}`,
        ({ recipe }: Given) => !Number.isFinite(recipe?.[key]),
      ] as const,
  ),
  [
    'its recipe must have the schedule cosine or multi-step',
    ({ recipe }) => recipe?.schedule !== 'cosine' && recipe?.schedule !== 'multi-step',
  ],
  ['it must have a function open', ({ open }) => typeof open !== 'function'],
];

/** What an entry lacks; null where it is whole. */
function findFault(entry: Given | null | undefined): string | null {
  if (typeof entry !== 'object' || entry === null) return 'it must be a record (DataSetEntry)';
  return faults.find(([, isLacking]) => isLacking(entry))?.[0] ?? findSizeFault(entry);
}

function areClasses(classes: unknown): boolean {
  return (
    isListOf(classes, 'string') && classes.length >= 2 && new Set(classes).size === classes.length
  );
}

function findSizeFault({
  height,
  width,
  channels,
  mean,
  deviation,
}: Partial<DataSetEntry>): string | null {
  const sizes = Object.entries({ height, width, channels });
  const wrong = sizes.find(([, size]) => !(Number.isSafeInteger(size) && size! > 0));
  if (wrong) return `its ${wrong[0]} must be a whole number above 0`;
  for (const [key, values] of Object.entries({ mean, deviation })) {
    const isFitting =
      isListOf(values, 'number') && values.length === channels && values.every(Number.isFinite);
    if (!isFitting) return `its ${key} must be ${channels!} numbers, one for each channel`;
  }
  return deviation!.every((value) => value > 0) ? null : 'its deviation must be above 0';
}

function isListOf(list: unknown, type: 'string' | 'number'): list is readonly never[] {
  return Array.isArray(list) && list.every((one) => typeof one === type);
}
