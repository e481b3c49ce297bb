import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { loadImages, loadModel, requireFit } from '../jobs';
import { NotFiniteError, requireFiniteWeights } from '../layers';
import { formatPercent, formatTable } from '../report/table';
import { evaluate as measure } from '../measure/accuracy';
import { startNamedEngine } from './engine';
import type { Terminal } from './terminal';

/** Measures the accuracy of a network in a file on a data set. */
export async function evaluate(
  { config: given }: Run<'evaluate'>,
  terminal: Terminal,
): Promise<number> {
  const config = resolveImages(given);
  const file = config.model!; // the rules: evaluate needs it
  const { progress } = terminal;
  await startNamedEngine(config, terminal);
  const data = await loadImages({ ...config, data: config.dataset });
  using loaded = await loadModel({ model: file, note: progress.note.bind(progress) });
  const images = config.split === 'test' ? data.test : data.validation;
  requireFiniteWeights(loaded.model, file);
  requireFit(loaded, images, data.classes.length, { loss: config.loss });
  progress.start(images.count, config.split);
  const result = await measure(loaded.model, images, data, config.batchSize, {
    loss: config.loss,
    onProgress: (done) => {
      progress.update(done);
    },
  }).finally(() => {
    progress.stop();
  });
  if (!Number.isFinite(result.loss)) {
    const what = `its loss on the ${config.split} images is ${result.loss}, although its weights are finite`;
    throw new NotFiniteError(file, what);
  }
  if (config.json) terminal.print(JSON.stringify({ model: file, split: config.split, ...result }));
  else {
    const row = [formatPercent(result.top1), formatPercent(result.top5), result.loss.toFixed(4)];
    terminal.print(
      formatTable(
        [`${data.name} (${config.split})`, 'top-1', 'top-5', 'loss'],
        [[`${result.images} images`, ...row]],
      ),
    );
  }
  return 0;
}
