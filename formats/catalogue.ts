/** The forms of a network on disk, with what is known of them before TensorFlow is loaded. */
import { SPARSE_FILE } from './sparse/sparse-unpack';

/** The facts of one form. */
export interface FormatFacts {
  /** Its file in the folder of the network. */
  readonly file: string;
  /** What the file is, after the name of the form. */
  readonly doc: string;
}

/** The forms, in the order of the help; the others go beside the file of tfjs. */
export const formatCatalogue = {
  tfjs: { file: 'model.json', doc: 'the model.json' },
  typescript: { file: 'network.ts', doc: 'the source network.ts beside it' },
  onnx: { file: 'network.onnx', doc: 'the file network.onnx' },
  sparse: {
    file: SPARSE_FILE,
    doc: 'the compressed weights.sparse, small where single weights went',
  },
} as const satisfies Record<string, FormatFacts>;

/** The name of a form, as the command line takes it. */
export type FormatId = keyof typeof formatCatalogue;

/** The names of the forms, in the order of the help. */
export const formatIds = Object.keys(formatCatalogue) as FormatId[];

/** Names of the files that a caller may have written beside model.json: those of the other forms, and pruning.json. */
export const filesBeside: ReadonlySet<string> = new Set([
  'pruning.json',
  ...formatIds.filter((id) => id !== 'tfjs').map((id) => formatCatalogue[id].file),
]);
