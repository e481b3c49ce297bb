import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  columnsOf,
  readableColumns,
  shortenMiddle,
  widthOf,
  wrapCommand,
  wrapText,
  wrapWords,
} from '../../report/wrap';

const stream = (facts: object): NodeJS.WritableStream => facts as NodeJS.WritableStream;
const words = fc.array(fc.stringMatching(/^[a-z0-9/.-]{1,14}$/), { minLength: 1, maxLength: 20 });

describe('the columns of a stream', () => {
  it.each([
    ['a terminal', { isTTY: true, columns: 60 }, {}, 60, 60],
    ['a terminal, whatever COLUMNS says', { isTTY: true, columns: 60 }, { COLUMNS: '90' }, 60, 60],
    ['a terminal that does not say', { isTTY: true, columns: 0 }, { COLUMNS: '90' }, 90, 90],
    ['a terminal that nobody knows', { isTTY: true }, {}, 80, 80],
    ['a terminal too narrow for anything', { isTTY: true, columns: 3 }, {}, 20, 20],
    ['a pipe', {}, {}, Infinity, 80],
    ['a pipe with COLUMNS', {}, { COLUMNS: '90' }, Infinity, 90],
    ['a pipe with COLUMNS that are none', {}, { COLUMNS: '-4' }, Infinity, 80],
    ['a file', { isTTY: false, columns: 60 }, {}, Infinity, 80],
  ])('%s', (_name, facts, env, forTables, forText) => {
    expect(columnsOf(stream(facts), env)).toBe(forTables);
    expect(readableColumns(stream(facts), env)).toBe(forText);
  });
});

describe('wrapping', () => {
  it('keeps every word, in lines that fit but for words that are longer', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 10, max: 40 }), (given, columns) => {
        const lines = wrapWords(given.join(' '), columns, { indent: 2, hanging: 4 });
        expect(lines.map((line) => line.trim()).join(' ')).toBe(given.join(' '));
        for (const [at, line] of lines.entries()) {
          const start = ' '.repeat(at === 0 ? 2 : 4);
          expect(line.startsWith(start)).toBe(true);
          const isOneWord = !line.trim().includes(' ');
          expect(line.length <= columns || isOneWord).toBe(true);
        }
      }),
      { seed: 1 },
    );
  });

  it('indents what follows a long line, and leaves the others alone', () => {
    expect(wrapText('title\n  yes  a name and more\nend', 16)).toBe(
      'title\n  yes  a name\n    and more\nend',
    );
    expect(wrapText('a line as long as it is', Infinity)).toBe('a line as long as it is');
  });

  it.skipIf(process.platform === 'win32')('keeps a command the same command', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 12, max: 40 }), (given, columns) => {
        const command = `printf '%s|' ${given.map((word) => (word.startsWith('-') ? word : `'${word} x'`)).join(' ')}`;
        const sh = (text: string): string => execFileSync('sh', ['-c', text], { encoding: 'utf8' });
        expect(sh(wrapCommand(command, columns).join('\n'))).toBe(sh(command));
      }),
      { seed: 1, numRuns: 10 },
    );
  });

  it('keeps an option and its value on one line', () => {
    expect(wrapCommand('run --resume --run-dir runs/a-long-name --json', 30)).toEqual([
      '  run --resume \\',
      '    --run-dir runs/a-long-name \\',
      '    --json',
    ]);
  });
});

describe('a text that is too wide', () => {
  it('counts wide and combining characters as a terminal shows them', () => {
    expect(widthOf('conv1')).toBe(5);
    expect(widthOf('畳み込み')).toBe(8);
    expect(widthOf('e\u0301')).toBe(1);
    expect(widthOf('🙂')).toBe(2);
  });

  it('is shortened in the middle, to no more than there is room for', () => {
    expect(shortenMiddle('layer1_0_conv1', 14)).toBe('layer1_0_conv1');
    expect(shortenMiddle('layer1_0_conv1', 10)).toBe('laye..onv1');
    expect(widthOf(shortenMiddle('畳み込み層の名前', 9))).toBeLessThanOrEqual(9);
    expect(shortenMiddle('abc', 1)).toBe('.');
  });
});
