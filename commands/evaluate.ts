import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { evaluateNetwork, loadImages, loadModel } from '../jobs';
import { formatPercent, formatTable } from '../report/table';
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
  progress.start(images.count, config.split);
  const result = await evaluateNetwork(loaded, {
    ...{ data, split: config.split, batchSize: config.batchSize, loss: config.loss },
    onProgress: (done) => {
      progress.update(done);
    },
  }).finally(() => {
    progress.stop();
  });
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
