import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Linter } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from './compiled';
import { besideTheProgram, findCircles, findEdges, readSources } from './sources';

/** Lines that a source may have. */
const MOST_LINES = 350;
/** Lines that all sources of trainer/ may have together. */
const MOST_TRAINER_LINES = 2_000;

/** Sources that may be longer, because they are tables of data and no code. */
const dataTables: readonly string[] = ['index.ts']; // the list of what is public
/** Sources outside the rooms that every room may import. */
const everybodys = ['errors.ts', 'stopping.ts'];
/** Sources that nobody imports: the ways into the program. */
const entrances = ['run.ts', 'index.ts'];

const sources = readSources();
const edges = findEdges(sources);
const rooms = [...new Set([...sources.keys()].map(roomOf))].filter((room) => room !== null);

/** The room that a source is in, by the folder at the top; config.ts is the door of config/. */
function roomOf(path: string): string | null {
  if (path === 'config.ts') return 'config';
  return path.includes('/') ? path.split('/', 1)[0]! : null;
}

function folderOf(path: string): string {
  return posix.dirname(path);
}

function linesOf(path: string): number {
  return sources.get(path)!.split('\n').length - 1;
}

describe('arrows between the rooms', () => {
  let mayImport: Readonly<Record<string, readonly string[]>>;
  let arrowRules: Linter.Config[];
  const arrows = new Set(
    edges
      .map(({ from, to }) => [roomOf(from), roomOf(to)])
      .filter(([from, to]) => from !== null && to !== null && from !== to)
      .map(([from, to]) => `${from} -> ${to}`),
  );

  beforeAll(async () => {
    // by a path that the compiler does not follow: ESLint's own file is JavaScript without types
    const config = (await import(join(projectFolder, 'eslint.config.mjs'))) as {
      readonly mayImport: typeof mayImport;
      readonly default: readonly Linter.Config[];
    };
    mayImport = config.mayImport;
    arrowRules = config.default.filter(({ rules }) => rules?.['no-restricted-imports']);
  });

  it('are in a table of lint that names every room', () => {
    expect(Object.keys(mayImport).sort()).toEqual([...rooms].sort());
  });

  it.each(rooms)(
    'are refused by lint out of %s/ where the table has none, at any depth',
    (room) => {
      const linter = new Linter({ cwd: projectFolder });
      const closed = rooms.filter((to) => !mayImport[room]!.includes(to));
      const folders = [...sources.keys()].filter((path) => roomOf(path) === room).map(folderOf);
      for (const folder of new Set(folders)) {
        const up = folder === '.' ? './' : '../'.repeat(folder.split('/').length);
        const filename = folder === '.' ? 'config.ts' : `${folder}/new.ts`;
        const isRefused = (module: string): boolean =>
          linter.verify(`import '${up}${module}';`, arrowRules, { filename }).length > 0;
        for (const to of rooms.filter((other) => other !== room)) {
          const modules = [to, `${to}/some`, `${to}/some/deep`];
          expect(modules.map(isRefused), `${filename}: ${to}`).toEqual(
            modules.map(() => closed.includes(to)),
          );
        }
        expect(['run', 'index', 'errors', 'stopping'].filter(isRefused)).toEqual(['run', 'index']);
      }
    },
  );

  it('are those that lint allows, and each is used', () => {
    const allowed = Object.entries(mayImport).flatMap(([from, others]) =>
      others.map((to) => `${from} -> ${to}`),
    );
    expect([...arrows].sort()).toEqual(allowed.sort());
  });

  it('make no circle', () => {
    const between = [...arrows].map((arrow) => arrow.split(' -> ') as [string, string]);
    expect(findCircles(between.map(([from, to]) => ({ from, to })))).toEqual([]);
  });

  it('lead to no entrance of the program, but that the command line hands the library to a module of --register', () => {
    const inwards = edges.filter(({ to }) => entrances.includes(to));
    expect(inwards.map(({ from, to }) => `${from} -> ${to}`)).toEqual(['run.ts -> index.ts']);
  });

  it('start at nothing that every room may import', () => {
    const own = edges.filter(({ from, to }) => everybodys.includes(from) && roomOf(to) !== null);
    expect(own).toEqual([]);
  });
});

describe('imports', () => {
  it('make no circle between sources but of types', () => {
    expect(findCircles(edges.filter(({ isTypeOnly }) => !isTypeOnly))).toEqual([]);
  });

  it('are told from imports of types, whatever their form', () => {
    const text = `
      import a from './value';
      import './effect';
      import { type B, c } from './value';
      import * as d from './value';
      import e = require('./value');
      export * from './value';
      export { f, type G } from './value';
      const h = require('./value'), i = import('./value');
      import type { J } from './type';
      import { type K } from './type';
      import type L from './type';
      export type { M } from './type';
      export { type N } from './type';
      export type * from './type';
      type O = typeof import('./type');
      import fs from 'node:fs';`;
    const made = findEdges(
      new Map(['value.ts', 'effect.ts', 'type.ts'].map((path) => [path, ''])).set('a.ts', text),
    );
    const counts = made.map(({ to, isTypeOnly }) => `${to} ${isTypeOnly ? 'type' : 'value'}`);
    expect(counts.filter((edge) => edge === 'value.ts value')).toHaveLength(8);
    expect(counts.filter((edge) => edge === 'type.ts type')).toHaveLength(7);
    expect(counts.filter((edge) => edge === 'effect.ts value')).toHaveLength(1);
    expect(counts).toHaveLength(16);
  });

  it('are found in a circle of any length, and not where they only lead into one', () => {
    const ways = ['in a', 'a b', 'b c', 'c a', 'c out', 'self self'];
    const made = ways.map((way) => way.split(' ') as [string, string]);
    const circles = findCircles(made.map(([from, to]) => ({ from, to })));
    expect(circles).toEqual([['a', 'b', 'c'], ['self']]);
  });
});

describe('sizes', () => {
  it(`no source has more than ${MOST_LINES} lines`, () => {
    const longer = [...sources.keys()]
      .filter((path) => linesOf(path) > MOST_LINES)
      .filter((path) => !dataTables.includes(path))
      .map((path) => `${path}: ${linesOf(path)}`);
    expect(longer).toEqual([]);
  });

  it(`trainer/ has at most ${MOST_TRAINER_LINES} lines`, () => {
    const lines = [...sources.keys()].filter((path) => roomOf(path) === 'trainer').map(linesOf);
    expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(MOST_TRAINER_LINES);
  });
});

describe('the rooms that docs/design.md lists', () => {
  const design = readFileSync(join(projectFolder, 'docs', 'design.md'), 'utf8');
  const [, block] = /^## Rooms\n+```\n(.*?)^```$/ms.exec(design)!;
  const lines = block!.trimEnd().split('\n');
  /** What a line begins with, up to the two spaces before the words: names of files and folders. */
  const namesOf = (line: string): string[] => line.trim().split(/ {2,}/, 1)[0]!.split(' ');

  it('are those there are, with the sources and folders beside them', () => {
    const listed = lines.filter((line) => !line.startsWith(' ')).flatMap(namesOf);
    const top = [...sources.keys()].filter((path) => !path.includes('/'));
    const folders = [...rooms, ...besideTheProgram].map((name) => `${name}/`);
    expect(listed.sort()).toEqual([...folders, ...top].sort());
  });

  it('have the folders that it lists in them', () => {
    let room = '';
    for (const line of lines) {
      const [name] = namesOf(line);
      if (!line.startsWith(' ')) room = name!;
      else expect(existsSync(join(projectFolder, room, name!)), `${room}${name}`).toBe(true);
    }
  });
});
