import type { ImageLimits } from './recipe';

/** One split: `count` images, pixels uint8 NHWC, labels in [0, number of classes). Treat as frozen. */
export interface ImageSet {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [count, height, width, channels], flat. */
  readonly pixels: Uint8Array;
  /** [count]. */
  readonly labels: Uint16Array;
}

/** Which random changes of a training image leave its class as it is. */
export interface Augmentation {
  /** Black pixels added on each side before a crop of the old size is taken at random; 0 = no shift. */
  readonly pad: number;
  /** Whether half of the images are mirrored left to right. */
  readonly flip: boolean;
}

/** The defaults that suit a data set: what a run uses where its user says nothing. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** Peak learning rate of SGD with Nesterov momentum, for `batchSize` images a step. */
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: 'cosine' | 'multi-step';
  /** Training images after the validation split; 0 = all. */
  readonly limitTrain: number;
  /** Validation images; 0 = all. */
  readonly limitValidation: number;
  /** Test images; 0 = all. */
  readonly limitTest: number;
}

/** A data set in memory, split and ready for batches. */
export interface DataSet {
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  readonly train: ImageSet;
  /** Held out of the training images; disjoint from `train`. */
  readonly validation: ImageSet;
  /** Read from its files when first asked for (so copying the record reads it too). */
  readonly test: ImageSet;
  /** Per channel, in [0, 1] pixel units. */
  readonly mean: readonly number[];
  /** Standard deviation per channel, in [0, 1] pixel units. */
  readonly deviation: readonly number[];
  readonly augmentation: Augmentation;
  /** What suits it where a user says nothing; a set of one's own may have none. */
  readonly recipe?: Recipe | undefined;
  /** SHA-256 (hex) over the names, sizes and hashes of the training files and the class names. */
  readonly fingerprint: string;
}

/** What is asked of a data set. */
export interface DataOptions {
  /** Folder that holds the files; each data set documents its own default. */
  readonly folder?: string | undefined;
  /** Whether a missing archive is fetched into `folder`. @default false */
  readonly download?: boolean | undefined;
  /** Another address of the same archive, for `download`; size and SHA-256 must be the published ones. */
  readonly archiveUrl?: string | undefined;
  /** Called during a download with the bytes so far and in all. */
  readonly onDownload?: ((received: number, total: number) => void) | undefined;
  /** Chooses the validation images and the subsets; an integer. */
  readonly seed: number;
  /** Training images wanted, balanced by class, counted after the validation split. @default 0, all */
  readonly limitTrain?: number | undefined;
  /** Validation images wanted, balanced by class. @default 0, all that were held out */
  readonly limitValidation?: number | undefined;
  /** Test images wanted, balanced by class. @default 0, all */
  readonly limitTest?: number | undefined;
  /** What is taken of a split of which no number is wanted, as far as there are so many. @default all */
  readonly usual?: Partial<ImageLimits> | undefined;
  /** Fraction of each class held out of the training images, in [0, 1). @default 0.1 */
  readonly validationFraction?: number | undefined;
}

/** A file that was read: enough to tell whether a later run reads the same. */
export interface FileDigest {
  /** Name without folder or packaging, so a folder and an archive of the same files agree. */
  readonly name: string;
  /** Bytes after decompression. */
  readonly bytes: number;
  /** Hex SHA-256 after decompression. */
  readonly sha256: string;
}

/** One split as read, with what it was read from. */
export interface SplitReading {
  readonly images: ImageSet;
  readonly files: readonly FileDigest[];
}

/** A data set whose files have been found but not read. */
export interface OpenedDataSet {
  /** Folder or archive, for messages. */
  readonly place: string;
  /** Reads and checks the training files. */
  readTrain(): SplitReading;
  /** Reads and checks the test files. */
  readTest(): SplitReading;
}

/** A data set that can be loaded: one file in this folder and one line in `catalogue.ts` each. */
export interface DataSetEntry {
  /** Name for people. */
  readonly title: string;
  readonly classes: readonly string[];
  /** Size of the published images, in pixels. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly augmentation: Augmentation;
  readonly recipe: Recipe;
  /**
   * Finds the files, all of them, so that a missing test file is known before training.
   *
   * @throws {DataError} when one is missing, or (archives) damaged.
   */
  open(options: DataOptions): Promise<OpenedDataSet>;
}
