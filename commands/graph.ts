import { startEngine } from '../backend/engine';
import type { ConfigOf } from '../config';
import { ChannelGraph } from '../graph';
import { formatTable } from '../report/table';
import { networkOf } from './network';
import type { Terminal } from './terminal';

/** Lists the channel groups of a network: what each controls, and why some are not prunable. */
export async function graph(config: ConfigOf<'graph'>, terminal: Terminal): Promise<number> {
  await startEngine('cpu'); // nothing is computed but initial weights
  const { model, source } = await networkOf({ ...config, seed: null });
  const channelGraph = ChannelGraph.of(model, { residual: config.residual });
  const groups = channelGraph.groups.map(
    ({ id, channels, producers, followers, consumers, frozen }) => ({
      id,
      channels,
      producers: producers.map(({ layer }) => layer),
      followers,
      consumers,
      frozen,
    }),
  );
  model.dispose();
  if (config.json) {
    terminal.print(JSON.stringify({ source, residual: config.residual, groups }, null, 2));
    return 0;
  }
  const rows = groups.map(({ id, channels, producers, consumers, frozen }) => [
    id,
    channels,
    producers.length,
    consumers.length,
    frozen ?? 'prunable',
  ]);
  const head = ['group', 'channels', 'producers', 'consumers', 'state'];
  terminal.print(formatTable(head, rows, ['left', 'right', 'right', 'right', 'left']));
  return 0;
}
