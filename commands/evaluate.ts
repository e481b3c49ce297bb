import { spellNames } from '../config/failure';
import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { evaluateNetwork, feedImages, loadImages, loadModel, requireFit } from '../jobs';
import { formatPercent, formatTable } from '../report/table';
import { findDoubt } from '../measure/chance';
import { startNamedEngine } from './engine';
import type { Terminal } from './terminal';

/** Measures the accuracy of a network in a file on a data set. */
export async function evaluate(
  { config: asked }: Run<'evaluate'>,
  terminal: Terminal,
): Promise<number> {
  const config = resolveImages(asked);
  const file = config.model!; // the rules: evaluate needs it
  const { progress } = terminal;
  await startNamedEngine(config, terminal);
  const given = await loadImages({ ...config, data: config.dataset });
  const note = progress.note.bind(progress);
  using loaded = await loadModel({ model: file, note });
  const images = config.split === 'test' ? given.test : given.validation;
  requireFit(loaded, images, given.classes.length, { loss: config.loss });
  const data = feedImages(loaded.model, given, { ...config, note });
  progress.start(images.count, config.split);
  const result = await evaluateNetwork(loaded, {
    ...{ data, split: config.split, batchSize: config.batchSize, loss: config.loss },
    onProgress: (done) => {
      progress.update(done);
    },
  }).finally(() => {
    progress.stop();
  });
  const doubt = findDoubt(result, images);
  if (doubt !== null) terminal.warn(spellNames(`warning: ${doubt}`));
  const { mean, deviation } = data;
  const facts = { model: file, split: config.split, inputScale: { mean, deviation } };
  if (config.json) terminal.printData(JSON.stringify({ ...facts, ...result }));
  else {
    const row = [formatPercent(result.top1), formatPercent(result.top5), result.loss.toFixed(4)];
    terminal.print(
      formatTable(
        [`${data.name} (${config.split})`, 'top-1', 'top-5', 'loss'],
        [[`${result.images} images`, ...row]],
        { columns: terminal.columns },
      ),
    );
  }
  return 0;
}
