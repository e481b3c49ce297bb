import { OptionError } from '../errors';
import type { DataSetEntry, ImageSet, SplitReading } from './data-set';
import { selectImages } from './split';

/**
 * The data set of some of the classes: their images alone, labels counted anew in the order of the
 * whole data set's classes. Files are found, read and checked as ever, the test images last.
 *
 * @param classes two or more names, or labels as decimal numbers where no class has that name.
 * @throws {OptionError} when a class is unknown or named twice, or when there is but one.
 */
export function subsetOf(entry: DataSetEntry, classes: readonly string[]): DataSetEntry {
  const labels = classes.map((name) => labelOf(name, entry.classes));
  const twice = labels.findIndex((label, at) => labels.indexOf(label) !== at);
  if (twice >= 0) throw classesError('must differ', `${classes[twice]!} twice`);
  if (labels.length < 2) throw classesError('must be two or more', labels.length);
  labels.sort((one, other) => one - other);
  const reduced = ({ images, files }: SplitReading): SplitReading => ({
    images: withLabels(images, labels),
    files,
  });
  return {
    ...entry,
    classes: labels.map((label) => entry.classes[label]!),
    open: async (options) => {
      const opened = await entry.open(options);
      return {
        place: opened.place,
        readTrain: () => reduced(opened.readTrain()),
        readTest: () => reduced(opened.readTest()),
      };
    },
  };
}

function classesError(problem: string, received: unknown): OptionError {
  return new OptionError({ option: 'classes', problem, received });
}

/** The label of a class by its name, or by the label in decimals where no class has that name; null for neither. */
export function findLabel(name: string, classes: readonly string[]): number | null {
  const byName = classes.indexOf(name);
  if (byName >= 0) return byName;
  return /^\d+$/.test(name) && Number(name) < classes.length ? Number(name) : null;
}

function labelOf(name: string, classes: readonly string[]): number {
  const label = findLabel(name, classes);
  if (label !== null) return label;
  throw classesError(
    `must be among ${classes.join(', ')}, or labels below ${classes.length}`,
    name,
  );
}

/** The images of these labels, which become 0, 1, ... */
function withLabels(images: ImageSet, labels: readonly number[]): ImageSet {
  const places = new Map(labels.map((label, place) => [label, place]));
  const indexes = Uint32Array.from(images.labels.keys()).filter((index) =>
    places.has(images.labels[index]!),
  );
  const chosen = selectImages(images, indexes);
  return { ...chosen, labels: chosen.labels.map((label) => places.get(label)!) };
}
