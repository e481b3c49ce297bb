import type { Progress } from '../../report/progress';
import type { TrainingObserver } from '../events';
import { sentencesOf } from './sentences';

/** Shows a run to whoever waits for it: how far each phase is, and a line for what is worth one. */
export function showTraining(progress: Progress): TrainingObserver {
  return (event) => {
    const { position, epochs } = event;
    for (const sentence of sentencesOf(event)) progress.note(sentence);
    switch (event.kind) {
      case 'phase':
        progress.start(
          event.total,
          event.name === 'train' ? `epoch ${position.epoch + 1}/${epochs}` : event.name,
        );
        if (event.done > 0) progress.update(event.done);
        break;
      case 'step':
        progress.update(position.batch, event.meanLoss === null ? {} : { loss: event.meanLoss });
        break;
      case 'measured':
        progress.update(event.images);
        break;
      case 'phase-end':
        progress.stop();
        break;
    }
  };
}
