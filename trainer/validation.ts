import { removedUnits } from '../graph';
import type { Network } from '../graph';
import { evaluate } from '../measure/accuracy';
import type { Evaluation } from '../measure/accuracy';
import type { Happening, PhaseName } from './events';
import type { Pruning } from './pruning/pruning';
import type { RunState } from './run-state';
import type { TrainerOptions } from './trainer-options';

/** Measures the network of a run on the validation images; all that it works on is borrowed. */
export class Validation {
  constructor(
    private readonly options: TrainerOptions,
    private readonly state: RunState,
    private readonly pruning: Pruning | null,
    private readonly tell: (happening: Happening) => void,
  ) {}

  /** As it is. */
  measureWhole(): Promise<Evaluation> {
    return this.measure('validate', this.state.readNetwork());
  }

  /**
   * With everything removed silenced; null while nothing has been removed.
   *
   * @param whole what the network measures as it is; null when it has changed since.
   */
  async measureMasked(whole: Evaluation | null): Promise<Evaluation | null> {
    if (!this.pruning || removedUnits(this.state.keep) === 0) return null;
    if (whole && this.pruning.isSilenced) return whole;
    const network = this.state.readNetwork();
    return this.pruning.whileMasked(() => this.measure('validate masked', network));
  }

  private async measure(name: PhaseName, { model }: Network): Promise<Evaluation> {
    const { data, batchSize, loss, signal } = this.options;
    this.tell({ kind: 'phase', name, total: data.validation.count, done: 0 });
    const onProgress = (images: number): void => {
      this.tell({ kind: 'measured', images });
    };
    try {
      return await evaluate(model, data.validation, data, batchSize, { signal, loss, onProgress });
    } finally {
      this.tell({ kind: 'phase-end' });
    }
  }
}
