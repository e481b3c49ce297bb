import type { DataSet } from '../data';
import { removedUnits } from '../graph';
import type { Network } from '../graph';
import { evaluate } from '../measure/accuracy';
import type { Evaluation } from '../measure/accuracy';
import type { Happening, PhaseName } from './events';
import type { Pruning } from './pruning/pruning';

/** What a validation works with; borrowed. */
export interface ValidationParts {
  readonly data: DataSet;
  readonly batchSize: number;
  /** Null where nothing is ever removed. */
  readonly pruning: Pruning | null;
  readonly signal: AbortSignal | undefined;
  readonly tell: (happening: Happening) => void;
}

/** Measures the network under training on the validation images; throws as `evaluate`. */
export class Validation {
  constructor(private readonly parts: ValidationParts) {}

  /** The network as it is. */
  whole(network: Network): Promise<Evaluation> {
    return this.measure('validate', network);
  }

  /**
   * The network with everything removed silenced.
   *
   * @param whole what the network measures as it is; null when it has changed since.
   * @returns null while nothing has been removed.
   */
  async masked(network: Network, whole: Evaluation | null): Promise<Evaluation | null> {
    const { pruning } = this.parts;
    if (!pruning || removedUnits(pruning.keep) === 0) return null;
    if (whole && pruning.isSilenced) return whole;
    return pruning.whileMasked(() => this.measure('validate masked', network));
  }

  private async measure(name: PhaseName, { model }: Network): Promise<Evaluation> {
    const { data, batchSize, signal, tell } = this.parts;
    tell({ kind: 'phase', name, total: data.validation.count, done: 0 });
    try {
      return await evaluate(model, data.validation, data, batchSize, {
        signal,
        onProgress: (images) => {
          tell({ kind: 'measured', images });
        },
      });
    } finally {
      tell({ kind: 'phase-end' });
    }
  }
}
