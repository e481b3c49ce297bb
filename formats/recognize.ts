/** Bytes of a file's beginning that tell what it is. */
export const HEAD_BYTES = 65_536;

/** A kind of file that is no LayersModel: how it is known, what it is and what to do with it. */
interface ForeignKind {
  readonly matches: (head: Buffer, text: string) => boolean;
  /** The words after `it is`. */
  readonly is: string;
}

const converted =
  'convert it with tensorflowjs_converter --output_format=tfjs_layers_model and name the model.json';

const startsWith =
  (...bytes: number[]) =>
  (head: Buffer): boolean =>
    head.subarray(0, bytes.length).equals(Buffer.from(bytes));

const isZip = startsWith(0x50, 0x4b, 0x03, 0x04);

/** The fields that a ModelProto of ONNX may have behind its version, with their wire type. */
const onnxFields = new Set([0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42, 0x72]);

/** The first kind that matches counts. */
const kinds: readonly ForeignKind[] = [
  { matches: (head) => head.length === 0, is: 'empty' },
  {
    matches: startsWith(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a),
    is: `a Keras or HDF5 file (.h5): ${converted}`,
  },
  {
    matches: (head, text) => isZip(head) && text.includes('data.pkl'),
    is: 'a PyTorch file (.pt): export it to Keras and convert that to a LayersModel',
  },
  {
    matches: (head, text) => isZip(head) && /config\.json|metadata\.json|model\.weights/.test(text),
    is: `a Keras file (.keras): ${converted}`,
  },
  { matches: isZip, is: 'a zip archive: unpack it and name the model.json in it' },
  { matches: startsWith(0x1f, 0x8b), is: 'packed (gzip): unpack it and name the model.json in it' },
  {
    matches: (head) => head.subarray(4, 8).toString('latin1') === 'TFL3',
    is: 'a TensorFlow Lite file (.tflite), which holds no layers: use the Keras model it was made from',
  },
  {
    matches: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
    is: 'a PyTorch or pickle file (.pt, .pth): export it to Keras and convert that to a LayersModel',
  },
  {
    matches: startsWith(0x08, 0x01, 0x12),
    is: `a TensorFlow SavedModel (saved_model.pb): load it in Keras, save it as .h5, and ${converted}`,
  },
  {
    matches: (head) => head[0] === 0x08 && head[1]! < 0x20 && onnxFields.has(head[2]!),
    is: 'an ONNX file (.onnx), which holds no layers: use the network that it was exported from',
  },
  {
    matches: (head, text) => head[0] === 0x0a && /Placeholder|Const/.test(text),
    is: 'a frozen TensorFlow graph (.pb), which holds no layers: use the Keras model it was made from',
  },
  {
    matches: (_, text) => text.startsWith('version https://git-lfs'),
    is: 'a pointer of Git LFS, not the file itself: fetch it with git lfs pull',
  },
  {
    matches: (_, text) => /^\s*<(!doctype|html)/i.test(text),
    is: 'a web page: what was downloaded is not the file',
  },
];

/**
 * Tells by its first bytes what a file is that is no JSON.
 *
 * @param head its first `HEAD_BYTES` bytes, or all of it.
 * @returns the words after `it is`, with what to do; null for what may be JSON.
 */
export function recognize(head: Uint8Array): string | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const text = bytes.toString('latin1');
  return kinds.find(({ matches }) => matches(bytes, text))?.is ?? null;
}
