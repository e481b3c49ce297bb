import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { schema } from '../config';
import { kebab } from '../config/nearest';
import { OptionError, SecateurError, StoppedError } from '../errors';
import { projectFolder } from './compiled';

/** Folders that are not of the program. */
const BESIDE = ['bench', 'coverage', 'dist', 'docs', 'examples', 'node_modules', 'runs', 'test'];

/** Rooms that speak to the command line, and so name its flags. */
const COMMAND_LINE = ['commands', 'config'];

/** The sources of rooms by path, without their comments. */
function sources(rooms: readonly string[]): [file: string, code: string][] {
  return rooms.flatMap((room) =>
    readdirSync(join(projectFolder, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry): [string, string] => {
        const file = join(entry.parentPath, entry.name);
        const code = readFileSync(file, 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '');
        return [relative(projectFolder, file), code];
      }),
  );
}

const converted = readdirSync(projectFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  .map(({ name }) => name)
  .filter((name) => !BESIDE.includes(name));

describe('an OptionError', () => {
  it.each([
    [1.2, 'rate must be in [0, 1), got 1.2'],
    [Number.NaN, 'rate must be in [0, 1), got NaN'],
    [undefined, 'rate must be in [0, 1), got undefined'],
    [null, 'rate must be in [0, 1), got null'],
    ['half', 'rate must be in [0, 1), got half'],
    [{ conv: 0.5 }, 'rate must be in [0, 1), got {"conv":0.5}'],
    [() => 0.5, 'rate must be in [0, 1), got function'],
  ])('shows what was received: %j', (received, message) => {
    const error = new OptionError({ option: 'rate', allowed: 'in [0, 1)', received });
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ option: 'rate', allowed: 'in [0, 1)', received, exitCode: 2 });
  });

  it('cuts what is too long for a line', () => {
    const told = (received: unknown): string =>
      new OptionError({ option: 'skip', allowed: 'a pattern', received }).message;
    expect(told('x'.repeat(80))).toBe(`skip must be a pattern, got ${'x'.repeat(80)}`);
    expect(told('x'.repeat(81))).toBe(`skip must be a pattern, got ${'x'.repeat(77)}...`);
    expect(told(Array(100).fill(1))).toBe(`skip must be a pattern, got [${'1,'.repeat(38)}...`);
  });

  it('tells a problem in other words, and its message without the option', () => {
    const error = new OptionError({ option: 'skip', problem: 'matches no layer' });
    expect(error.message).toBe('skip matches no layer');
    expect(error.problem).toBe('matches no layer');
    const { problem } = new OptionError({ option: 'rate', allowed: 'below 1', received: 1 });
    expect(problem).toBe('must be below 1, got 1');
  });
});

it('a StoppedError says who asked, and that the work resumes', () => {
  const error = new StoppedError('SIGTERM');
  expect(error).toBeInstanceOf(SecateurError);
  expect(error).toMatchObject({ message: 'stopped by SIGTERM', by: 'SIGTERM', exitCode: 75 });
});

describe('the errors of the library', () => {
  it('have one base class', () => {
    const classes = sources(converted).flatMap(([file, code]) =>
      [...code.matchAll(/class (\w+) extends (\w*Error)\b/g)].map(([, name, base]) => ({
        error: `${file}: ${name!}`,
        base,
      })),
    );
    expect(classes.length).toBeGreaterThan(10);
    const others = classes.filter(({ base }) => base !== 'SecateurError' && base !== 'OptionError');
    expect(others).toEqual([]);
  });

  it('name no flag of the command line', () => {
    const flags = Object.keys(schema).map((key) => `--${kebab(key)}`);
    const library = converted.filter((room) => !COMMAND_LINE.includes(room));
    const named = sources(library).flatMap(([file, code]) =>
      flags
        .filter((flag) => new RegExp(`${flag}(?![\\w-])`).test(code))
        .map((flag) => `${file}: ${flag}`),
    );
    expect(named).toEqual([]);
  });
});
