import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandNames, commands, ids, options } from '../../config';
import { optionAliases } from '../../config/aliases';
import { parse } from '../../config/parse';

function printed(...argv: string[]): string {
  return printedIn(100, ...argv);
}

function printedIn(columns: number, ...argv: string[]): string {
  const invocation = parse(argv, {}, { program: 'npx ts-node run.ts', columns });
  if (invocation.action !== 'print') throw new Error('nothing printed');
  return invocation.stdout;
}

describe('--help', () => {
  it('lists every command, and the options of the default one', () => {
    const help = printed('--help');
    for (const name of commandNames) expect(help).toContain(`  ${name} `);
    expect(help).toContain('--prune-every N');
    expect(help).not.toContain('--split');
    expect(printed('-h')).toBe(help);
  });

  it.each(commandNames)(
    'shows for %s its options alone, with default, variable and allowed values',
    (command) => {
      const help = printed(command, '--help');
      for (const { arg, env, commands, format } of options.values()) {
        const isShown = commands.includes(command);
        const label = format.placeholder === '' ? `--[no-]${arg}\\s` : `--${arg} `;
        expect([
          arg,
          new RegExp(`^ {2}${label.replace(/[[\]]/g, '\\$&')}`, 'm').test(help),
        ]).toEqual([arg, isShown]);
        expect([env, new RegExp(`\\b${env}\\]`).test(help)]).toEqual([env, isShown]);
      }
      expect(help).toContain(`Usage: npx ts-node run.ts ${command} [options]`);
    },
  );

  it('says what each value may be', () => {
    const help = printed('train', '--help').replace(/\s+/g, ' ');
    expect(help).toContain(
      '--rate X fraction of the filters or weights that is removed [a number in [0, 1); default: 0.3; SECATEUR_RATE]',
    );
    expect(help).toContain(`[one of ${ids.method.join(', ')}; default: fpgm; SECATEUR_METHOD]`);
    expect(help).toContain(
      "[a whole number, 1 or more; default: the data set's recipe; SECATEUR_EPOCHS]",
    );
    expect(help).toContain('[default: on; SECATEUR_NESTEROV]');
    expect(printed('prune', '--help')).toContain('[the path of a folder; needed; SECATEUR_OUT]');
  });

  it.each([[], ...commandNames.map((name) => [name])])('fits the terminal: %s', (...command) => {
    for (const columns of [60, 80, 100]) {
      const widths = printedIn(columns, ...command, '--help')
        .split('\n')
        .map((line) => line.length);
      expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
    }
    expect(printedIn(200, ...command, '--help')).toBe(printedIn(100, ...command, '--help'));
  });

  it('is of one section, whichever way it is asked for', () => {
    const section = printed('--help', 'pruning');
    expect(section).toMatch(/^Pruning\n {2}--method METHOD /);
    expect(section).toContain('--prune-every N');
    expect(section).not.toContain('--epochs');
    for (const argv of [['help', 'pruning'], ['--help=Pruning'], ['-h', 'PRUNING']]) {
      expect(printed(...argv)).toBe(section);
    }
    const ofPrune = printed('prune', '--help', 'pruning', 'data');
    expect(ofPrune).not.toContain('--prune-every');
    expect(ofPrune).toContain('--max-drop');
    expect(ofPrune).toContain('--data-dir');
    expect(printed('help', 'prune', 'pruning', 'data')).toBe(ofPrune);
    expect(printed('--help', 'data', 'prune', 'pruning')).not.toBe(ofPrune); // in the order asked for
  });

  it.each(commandNames)('names the sections of %s, each of which can be shown', (command) => {
    const help = printed(command, '--help').replace(/\s+/g, ' ');
    const [, names] = /Sections: ([a-z, ]+)\./.exec(help)!;
    const lines = printed(command, '--help').split('\n');
    for (const name of names!.split(', ')) {
      const [title, option] = printed('help', command, name).split('\n');
      expect(lines.slice(lines.indexOf(title!)).slice(0, 2)).toEqual([title, option]);
    }
  });

  it.each([
    [['--help', 'prunning'], '"prunning" is no topic of the help; there are model, data, pruning,'],
    [['--help=1'], '"1" is no topic of the help'],
    [['help', 'evalute'], 'did you mean evaluate?'],
    [
      ['doctor', '--help', 'pruning'],
      'of the help of doctor; there are engine, run (command line)',
    ],
  ])('says what it knows about: %j', (argv, message) => {
    expect(() => printed(...argv)).toThrow(message);
  });

  it.each(commandNames)('has three examples of %s that parse', (command) => {
    const { examples } = commands[command];
    expect(examples).toHaveLength(3);
    for (const [given] of examples) {
      const argv = [command, ...given.split(' ').filter((word) => word !== '')];
      expect(parse(argv, {})).toMatchObject({ action: 'run', command });
      // a line that is too long goes on in the next one, as a shell reads it
      const help = printedIn(60, command, '--help').replace(/ \\\n +/g, ' ');
      expect(help).toContain(`npx ts-node run.ts ${argv.join(' ')}\n`);
    }
  });

  it('needs no TensorFlow', () => {
    const script =
      "require('./config/parse').parse(['--help'], {});" +
      "console.log(Object.keys(require.cache).filter((file) => file.includes('@tensorflow')).length)";
    const argv = ['-r', 'ts-node/register/transpile-only', '-e', script];
    const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect([stderr, stdout.trim()]).toEqual(['', '0']);
  });

  it('names what else an option and its values are called', () => {
    const help = printed('--help').replace(/\s+/g, ' ');
    const all = commandNames.map((command) => printed(command, '--help')).join('\n');
    for (const name of Object.keys(optionAliases)) expect(all).toContain(`--${name}`);
    expect(help).toContain('also sfp (norm-filter --regrowth soft)');
    expect(printed('prune', '--help')).not.toContain('sfp'); // which is a way to train
  });

  it('is shown whatever else is wrong', () => {
    expect(printed('evaluate', '--raet', '0.3', '--help')).toBe(printed('evaluate', '--help'));
    const invocation = parse(['--help'], { SECATEUR_RAET: '1' });
    expect(invocation.action).toBe('print');
  });
});

describe('--version', () => {
  it('prints the version of the package', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(printed('--version')).toBe(`${manifest.version}\n`);
    expect(printed('prune', '--version')).toBe(`${manifest.version}\n`);
    for (const argv of [['-v'], ['prune', '-v'], ['version'], ['prune', 'version']]) {
      expect(printed(...argv)).toBe(`${manifest.version}\n`);
    }
  });
});
