/** The names that options take from the catalogues. */
import { dataSetIds } from '../data/catalogue';
import { formatIds } from '../formats/catalogue';
import { methodIds } from '../methods/catalogue';
import type { MethodId } from '../methods/catalogue';
import { importances } from '../methods/importances';
import type { ImportanceId } from '../methods/importances';
import { scheduleIds } from '../methods/schedules';
import { architectureIds } from '../models/catalogue';

/** The method where none is named. */
export const defaultMethod = 'fpgm' satisfies MethodId;

/** The names by option, in the order of the help. */
export const ids = {
  arch: architectureIds,
  dataset: dataSetIds,
  method: [defaultMethod, ...methodIds.filter((id) => id !== defaultMethod), 'none'],
  importance: Object.keys(importances) as ImportanceId[],
  schedule: scheduleIds,
  format: formatIds,
} as const;
