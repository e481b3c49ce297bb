/**
 * Every data set by the name that the command line knows it by. Its file says what there is to know, and loads no
 * TensorFlow: the catalogue is the registry.
 */
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

/** The names of the data sets, in the order of the help. */
export const dataSetIds = Object.keys(dataSets) as DataSetId[];
