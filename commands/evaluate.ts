import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { readModel } from '../formats';
import { formatPercent, formatTable } from '../report/table';
import { evaluate as measure } from '../measure/accuracy';
import { dataOf } from './data';
import { startedEngine } from './engine';
import { checkFits } from './network';
import type { Terminal } from './terminal';

/** Measures the accuracy of a network in a file on a data set. */
export async function evaluate(
  { config: given }: Run<'evaluate'>,
  terminal: Terminal,
): Promise<number> {
  const config = resolveImages(given);
  const file = config.model!; // rules.ts: evaluate needs it
  await startedEngine(config, terminal);
  const data = await dataOf(config);
  const model = await readModel(file, (words) => {
    terminal.progress.note(words);
  });
  const images = config.split === 'test' ? data.test : data.validation;
  checkFits(
    { model, source: file },
    [images.height, images.width, images.channels],
    data.classes.length,
  );
  terminal.progress.start(images.count, config.split);
  const result = await measure(model, images, data, config.batchSize, {
    onProgress: (done) => {
      terminal.progress.update(done);
    },
  }).finally(() => {
    terminal.progress.stop();
  });
  model.dispose();
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
