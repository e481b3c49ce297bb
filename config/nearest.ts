/**
 * The candidate nearest to what was typed, or null when none is near enough to be meant.
 *
 * Near enough: at most one edit for every three letters typed. Case, `_` for `-` and camelCase do not count.
 */
export function nearest(typed: string, candidates: Iterable<string>): string | null {
  const wanted = kebab(typed.slice(0, LONGEST_NAME));
  let best: string | null = null;
  let fewest = Math.ceil(wanted.length / 3) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(wanted, kebab(candidate));
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

/** The name as the command line spells it: `learningRate` and `Learning_Rate` are `learning-rate`. */
export function kebab(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

/** A name without what people write in many ways: `ResNet-20` and `resnet_20` are `resnet20`. */
export function bare(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '');
}

/** Bounds the work on hostile input; no option comes close. */
const LONGEST_NAME = 60;

/**
 * Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other.
 *
 * Source: optimal string alignment distance, the restricted form of Damerau, CACM 7(3), 1964.
 */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const cells = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      cells[column] = Math.min(
        rows[row - 1]![column]! + 1,
        cells[column - 1]! + 1,
        rows[row - 1]![column - 1]! + (isSame ? 0 : 1),
        isSwap ? rows[row - 2]![column - 2]! + 1 : Infinity,
      );
    }
    rows.push(cells);
  }
  return rows[from.length]![to.length]!;
}
