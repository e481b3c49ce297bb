/** Text in lines that fit a terminal. */
import { toPrintable } from './printable';

/** Columns of a terminal that does not say how many it has. */
const USUAL_COLUMNS = 80;

/** Fewer are taken for these: below, nothing can be laid out. */
const FEWEST_COLUMNS = 20;

/**
 * Columns of the terminal behind a stream; Infinity where a file or a program takes what is written, which is
 * never cut or wrapped.
 *
 * @param env whose COLUMNS counts where the terminal itself says nothing.
 */
export function columnsOf(
  stream: NodeJS.WritableStream,
  env: NodeJS.ProcessEnv = process.env,
): number {
  if (!('isTTY' in stream) || stream.isTTY !== true) return Infinity;
  const own = 'columns' in stream ? Number(stream.columns) : 0;
  const columns = own > 0 ? own : namedColumns(env);
  return Math.max(columns, FEWEST_COLUMNS);
}

/** Columns of a text that is made to be read, wherever it goes: those of the terminal, else COLUMNS, else 80. */
export function readableColumns(
  stream: NodeJS.WritableStream,
  env: NodeJS.ProcessEnv = process.env,
): number {
  const columns = columnsOf(stream, env);
  return Number.isFinite(columns) ? columns : Math.max(namedColumns(env), FEWEST_COLUMNS);
}

function namedColumns({ COLUMNS }: NodeJS.ProcessEnv): number {
  return COLUMNS !== undefined && /^[1-9]\d{0,3}$/.test(COLUMNS) ? Number(COLUMNS) : USUAL_COLUMNS;
}

/** Columns that a text takes on a terminal: two for wide characters, none for marks that combine. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303e\uff01-\uff60]/u;

/** How lines begin and end that belong together. */
interface Layout {
  /** Spaces before the first line. Default 0 */
  readonly indent?: number;
  /** Spaces before the others. Default `indent` */
  readonly hanging?: number;
  /** Ends each line but the last. Default nothing */
  readonly goesOn?: string;
}

/**
 * The words of a text in lines of at most `columns`, `indent` included. A word that is longer stays whole on a line of
 * its own, so that a path can still be copied.
 */
export function wrapWords(
  text: string,
  columns: number,
  layout: Pick<Layout, 'indent' | 'hanging'> = {},
): string[] {
  return fillLines(text.split(' '), columns, layout);
}

function fillLines(
  words: readonly string[],
  columns: number,
  { indent = 0, hanging = indent, goesOn = '' }: Layout,
): string[] {
  const lines: string[] = [];
  const start = (): string => ' '.repeat(lines.length === 0 ? indent : hanging);
  let line = words[0] ?? '';
  for (const [at, word] of words.entries()) {
    if (at === 0) continue;
    const longer = `${line} ${word}`;
    const end = at < words.length - 1 ? goesOn : '';
    if (widthOf(start() + longer + end) <= columns) line = longer;
    else {
      lines.push(start() + line + goesOn);
      line = word;
    }
  }
  return [...lines, start() + line];
}

/** A text of one line or more, whose lines are wrapped where they are longer; what follows is indented further. */
export function wrapText(text: string, columns: number): string {
  const shown = toPrintable(text);
  if (!Number.isFinite(columns)) return shown;
  return shown
    .split('\n')
    .flatMap((line) => {
      if (widthOf(line) <= columns) return [line];
      const indent = line.search(/[^ ]|$/);
      return wrapWords(line.slice(indent), columns, { indent, hanging: indent + 2 });
    })
    .join('\n');
}

/**
 * A command of the shell in lines that end with a backslash where it goes on: copied, it is the same command. An option
 * and its value stay together, and what is quoted.
 *
 * @param indent spaces before the first line; the others have two more.
 */
export function wrapCommand(command: string, columns: number, indent = 2): string[] {
  const words = command.match(/(?:'[^']*'|[^\s'])+/g) ?? [];
  const parts: string[] = [];
  for (const word of words) {
    const last = parts.at(-1) ?? '';
    if (/^--\S*$/.test(last) && !word.startsWith('--')) parts[parts.length - 1] = `${last} ${word}`;
    else parts.push(word);
  }
  return fillLines(parts, columns, { indent, hanging: indent + 2, goesOn: ' \\' });
}

/** A text without spaces to break at, shortened in the middle to at most `columns`: `layer1_0..conv2`. */
export function shortenMiddle(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const characters = Array.from(text);
  const take = (from: readonly string[], most: number): string[] => {
    const taken: string[] = [];
    for (const character of from) {
      if (widthOf([...taken, character].join('')) > most) break;
      taken.push(character);
    }
    return taken;
  };
  const room = Math.max(columns - GAP.length, 0);
  const head = take(characters, Math.ceil(room / 2));
  const tail = take(characters.toReversed(), Math.floor(room / 2)).reverse();
  return `${head.join('')}${GAP}${tail.join('')}`.slice(0, Math.max(columns, 0));
}

const GAP = '..';
