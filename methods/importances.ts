import { factsOf, methodIds } from './catalogue';
import type { methodCatalogue, MethodId, OwnValues } from './catalogue';

/** The methods of one criterion, by filters, by single weights, or both; and the own options that go with its name. */
export interface Importance extends OwnValues {
  readonly filter?: MethodId;
  readonly weight?: MethodId;
}

type Catalogue = typeof methodCatalogue;

/** A name that `--importance` takes. */
export type ImportanceId = {
  [Id in MethodId]: keyof Catalogue[Id]['importance'];
}[MethodId];

/** The criteria by the names that `--importance` takes: another spelling of the methods. */
export const importances: Readonly<Record<ImportanceId, Importance>> = collectImportances();

function collectImportances(): Record<ImportanceId, Importance> {
  const found: Partial<Record<string, Importance>> = {};
  for (const id of methodIds) {
    const { unit, importance } = factsOf(id);
    for (const [name, sets] of Object.entries(importance)) {
      found[name] = { ...found[name], [unit]: id, ...sets };
    }
  }
  return found as Record<ImportanceId, Importance>; // each name that the catalogue has
}
