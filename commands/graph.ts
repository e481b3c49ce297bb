import { startEngine } from '../backend/engine';
import type { Run } from '../config/parse';
import { nodeFiles, replaceFile } from '../files';
import { ChannelGraph, chooseInputShapes, countAt, countCosts, describeSizes } from '../graph';
import type { ChannelGroup, Residual } from '../graph';
import { dotOf } from '../graph/dot';
import { schemaOf } from '../graph/schema';
import { applySchema, loadModel } from '../jobs';
import { formatTable } from '../report/table';
import type { Terminal } from './terminal';

/**
 * Prints a network's channel groups: what each controls, and why some are not prunable. Where stdout is no terminal it
 * takes the dependency schema, which is for files and programs, and the groups go to stderr; `--schema` asks for the
 * schema alone. `--json` prints the groups as data, `--dot` text for Graphviz; `--svg` draws to a file besides.
 */
export async function graph({ config }: Run<'graph'>, terminal: Terminal): Promise<number> {
  await startEngine('cpu'); // nothing is computed but initial weights
  const note = terminal.progress.note.bind(terminal.progress);
  using loaded = await loadModel({ ...config, seed: null, note });
  const { model, source } = loaded;
  const traced = ChannelGraph.of(model, { residual: config.residual });
  const { schemaFile } = config;
  const constrained = schemaFile === null ? traced : await applySchema(traced, schemaFile);
  const channelGraph = countAt(constrained, model, chooseInputShapes(model, config.inputShape));
  const drawing = config.dot || config.svg !== null ? dotOf({ model, graph: channelGraph }) : '';
  if (config.svg !== null) {
    await replaceFile(config.svg, Buffer.from(await svgOf(drawing)), nodeFiles);
  }
  if (config.dot) terminal.printData(drawing);
  else if (config.json) terminal.printData(JSON.stringify(listing(channelGraph, source), null, 2));
  else showGraph(channelGraph, source, config.schema, terminal);
  return 0;
}

/** The groups for people, the schema for programs, or both where each has its reader. */
function showGraph(
  channelGraph: ChannelGraph,
  source: string,
  isSchemaAlone: boolean,
  { columns, noteColumns, print, printData, progress }: Terminal,
): void {
  const isForPeople = Number.isFinite(columns) && !isSchemaAlone;
  const note = progress.note.bind(progress);
  const [say, width] = isForPeople ? [print, columns] : [note, noteColumns];
  const texts = isSchemaAlone ? [] : groupTexts(channelGraph, source, width);
  for (const text of texts) say(text);
  if (isForPeople) note('which layers lose channels together, as a file to edit: --schema');
  else printData(JSON.stringify(schemaOf(channelGraph), null, 2));
}

/** Graphviz is an ES module of a megabyte: loaded where something is to be drawn. */
async function svgOf(dot: string): Promise<string> {
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
  const graphviz = await Graphviz.load();
  return graphviz.dot(dot);
}

interface Listing {
  readonly source: string;
  readonly residual: Residual;
  /** Of the inputs, at which MACs are counted; where the network leaves its size free. */
  readonly inputShapes?: readonly (readonly number[])[];
  readonly groups: (Pick<ChannelGroup, 'id' | 'channels' | 'followers' | 'consumers' | 'frozen'> & {
    readonly macs: number;
    readonly producers: string[];
  })[];
}

/** Every group: what it controls, and why nothing may go of it where that is so. */
function listing(channelGraph: ChannelGraph, source: string): Listing {
  const macsOf = countControlledMacs(channelGraph);
  const groups = channelGraph.groups.map((group) => {
    const { id, channels, producers, followers, consumers, frozen } = group;
    const macs = macsOf(group);
    const layers = producers.map(({ layer }) => layer);
    return { id, channels, macs, producers: layers, followers, consumers, frozen };
  });
  const { residual, sized } = channelGraph;
  return { source, residual, ...(sized && { inputShapes: sized.inputShapes }), groups };
}

/** The table of the groups, and at which size their MACs are counted where the network leaves it free. */
function groupTexts(channelGraph: ChannelGraph, source: string, columns: number): string[] {
  const { inputShapes } = channelGraph.sized ?? {};
  const size = inputShapes && describeSizes(inputShapes);
  return [
    groupTable(channelGraph, source, columns),
    ...(size ? [`MACs at ${size}: the network leaves its size free (--input-shape)`] : []),
  ];
}

function groupTable(channelGraph: ChannelGraph, source: string, columns: number): string {
  const rows = listing(channelGraph, source).groups.map(
    ({ id, channels, macs, producers, consumers, frozen }) => [
      ...[id, channels, macs, producers.length, consumers.length],
      frozen ?? 'prunable',
    ],
  );
  const head = ['group', 'channels', 'MACs', 'producers', 'consumers', 'state'];
  const align = ['left', 'right', 'right', 'right', 'right', 'left'] as const;
  return formatTable(head, rows, { align, columns, giveUp: ['consumers', 'producers', 'MACs'] });
}

/** Multiply-adds of all layers that shrink with a group: its producers, followers and consumers. */
function countControlledMacs(channelGraph: ChannelGraph): (group: ChannelGroup) => number {
  const macs = new Map<string, number>();
  for (const cost of countCosts(channelGraph)) {
    macs.set(cost.path, (macs.get(cost.path) ?? 0) + cost.macs);
  }
  return ({ producers, followers, consumers }) => {
    const layers = new Set([...producers.map(({ layer }) => layer), ...followers, ...consumers]);
    return [...layers].reduce((sum, layer) => sum + (macs.get(layer) ?? 0), 0);
  };
}
