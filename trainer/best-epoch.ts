import * as path from 'node:path';
import type { JsonValue } from '../files/durable-files';
import type { Evaluation } from '../measure/accuracy';

/** The epoch whose network the run hands over. */
export interface Best {
  readonly epoch: number;
  /** Finished steps at its end. */
  readonly step: number;
  readonly evaluation: Evaluation;
}

/** The best epoch so far and where its checkpoint is. */
export class BestEpoch {
  /** Holds its checkpoint. */
  readonly folder: string;
  private newest: Best | null = null;

  /** @param run path of the run directory. */
  constructor(run: string) {
    this.folder = path.join(run, 'best');
  }

  /** Null before the first that counts. */
  get value(): Best | null {
    return this.newest;
  }

  /** Takes an epoch for the best where it is; of equals the earlier stays. @returns whether it is. */
  offer(epoch: Best): boolean {
    if (!isBetter(epoch.evaluation, this.newest?.evaluation)) return false;
    this.newest = epoch;
    return true;
  }

  /** The folder of the checkpoint of an epoch that was the best. */
  checkpointOf({ step }: Best): string {
    return path.join(this.folder, `ckpt-${String(step).padStart(8, '0')}`);
  }

  /** What a checkpoint holds of it. */
  state(): JsonValue {
    return this.newest && { ...this.newest, evaluation: { ...this.newest.evaluation } };
  }

  restore(best: Best | null): void {
    this.newest = best;
  }
}

function isBetter(a: Evaluation, b: Evaluation | undefined): boolean {
  if (!b) return true;
  return a.top1 > b.top1 || (a.top1 === b.top1 && a.loss < b.loss);
}
