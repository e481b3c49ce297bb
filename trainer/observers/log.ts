import { openEventLog } from '../../files/run/metrics-log';
import type { TrainingObserver } from '../events';
import { normAdvice } from '../pruning/filter-norms';

/** The log.jsonl of a run. */
export interface RunLog {
  /** Writes what the log is to hold of an event. */
  readonly observe: TrainingObserver;
  close(): void;
}

/** Opens the log of a run in its folder, for appending. */
export function openRunLog(folder: string): RunLog {
  const log = openEventLog(folder);
  const { logger } = log;
  const observe: TrainingObserver = (event) => {
    const { step, epoch } = event.position;
    switch (event.kind) {
      case 'resumed':
        logger.info({ event: 'resumed', step }, 'resumed');
        break;
      case 'pruned': {
        const { firstNorms, isInEpochEnd, pruning } = event;
        if (firstNorms) logger.info({ event: 'norms', ...firstNorms }, normAdvice(firstNorms));
        if (!isInEpochEnd) logger.info({ event: 'pruned', step, epoch, pruning });
        break;
      }
      case 'epoch': {
        const { epoch: ended, trainLoss, whole, masked, pruning } = event;
        logger.info({ event: 'epoch', epoch: ended, trainLoss, whole, masked, pruning });
        break;
      }
    }
  };
  return {
    observe,
    close: () => {
      log.close();
    },
  };
}
