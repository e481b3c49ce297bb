import { openEventLog } from '../files/run/event-log';
import { normAdvice } from '../report/training';
import type { TrainingEvent, TrainingObserver } from './events';

/** Writes the log.jsonl of a run, in its folder, until it is closed. */
export function openRunLog(folder: string): {
  readonly observe: TrainingObserver;
  readonly close: () => void;
} {
  const log = openEventLog(folder);
  const observe = (event: TrainingEvent): void => {
    const { step, epoch } = event.position;
    if (event.kind === 'resumed') log.logger.info({ event: 'resumed', step }, 'resumed');
    if (event.kind === 'mended') log.logger.warn({ event: 'mended', step }, event.what);
    if (event.kind === 'lowered') {
      const { error, times } = event;
      const found = { epoch: error.epoch, step: error.step, what: error.what };
      log.logger.warn({ event: 'lowered', step, times, found });
    }
    if (event.kind === 'epoch') {
      const { epoch: ended, trainLoss, whole, masked, pruning } = event;
      log.logger.info({ event: 'epoch', epoch: ended, trainLoss, whole, masked, pruning });
    }
    if (event.kind === 'pruned') {
      const { firstNorms, isInEpochEnd, pruning } = event;
      if (firstNorms) log.logger.info({ event: 'norms', ...firstNorms }, normAdvice(firstNorms));
      if (!isInEpochEnd) log.logger.info({ event: 'pruned', step, epoch, pruning });
    }
  };
  return { observe, close: log.close.bind(log) };
}
