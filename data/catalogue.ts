/**
 * Every data set by the name that the command line knows it by. Its file says what there is to know, and loads no
 * TensorFlow: the catalogue is the registry.
 */
import { OptionError } from '../errors';
import { cifar10 } from './cifar10';
import { cifar100 } from './cifar100';
import type { DataSetEntry } from './data-set';
import { fashionMnist } from './fashion-mnist';
import { mnist } from './mnist';

/** The data sets, in the order of the help. */
export const dataSets = {
  mnist,
  'fashion-mnist': fashionMnist,
  cifar10,
  cifar100,
} as const satisfies Record<string, DataSetEntry>;

/** The name of a data set. */
export type DataSetId = keyof typeof dataSets;

/** The name of a data set of the catalogue or of one that was registered. */
export type AnyDataSetId = DataSetId | (string & Record<never, never>);

const entries: Record<string, DataSetEntry> = { ...dataSets };
const names = Object.keys(dataSets) as DataSetId[];

/** The names of the data sets, in the order of the help; then those that were registered, as they come. */
export const dataSetIds: readonly DataSetId[] = names;

/** Takes a data set in; `registerDataSet` has checked it. */
export function addDataSet(id: string, entry: DataSetEntry): void {
  entries[id] = entry;
  names.push(id as DataSetId); // who lists the names asks no more of them
}

/** The data set of a name. @throws {OptionError} when there is none. */
export function entryOf(id: AnyDataSetId): DataSetEntry {
  if (Object.hasOwn(entries, id)) return entries[id]!;
  throw new OptionError({ option: 'dataset', allowed: `one of ${names.join(', ')}`, received: id });
}
