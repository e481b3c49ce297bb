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

/** What an entry lacks, in words; null where it is whole. A module of plain JavaScript may hand over anything. */
function findFault(entry: Partial<DataSetEntry> | null | undefined): string | null {
  if (typeof entry !== 'object' || entry === null) return 'it must be a record (DataSetEntry)';
  const { title, classes, augmentation, recipe, open } = entry;
  if (typeof title !== 'string') return 'its title must be text';
  if (!isListOf(classes, 'string') || new Set(classes).size < Math.max(2, classes.length)) {
    return 'its classes must be two or more different names';
  }
  const size = findSizeFault(entry);
  if (size !== null) return size;
  if (typeof augmentation?.pad !== 'number' || typeof augmentation.flip !== 'boolean') {
    return 'its augmentation must say pad (a number) and flip';
  }
  const missing = recipeNumbers.find((key) => !Number.isFinite(recipe?.[key]));
  if (missing !== undefined) return `its recipe must have a number ${missing}`;
  if (recipe?.schedule !== 'cosine' && recipe?.schedule !== 'multi-step') {
    return 'its recipe must have the schedule cosine or multi-step';
  }
  return typeof open === 'function' ? null : 'it must have a function open';
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
