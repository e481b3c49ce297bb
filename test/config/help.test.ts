import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandNames, commands, ids, options } from '../../config';
import { HELP_WIDTH } from '../../config/help';
import { parse } from '../../config/parse';

function printed(...argv: string[]): string {
  const invocation = parse(argv, {}, { program: 'npx ts-node run.ts' });
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

  it.each([[], ...commandNames.map((name) => [name])])('fits the width: %s', (...command) => {
    const widths = printed(...command, '--help')
      .split('\n')
      .map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(HELP_WIDTH);
  });

  it.each(commandNames)('has three examples of %s that parse', (command) => {
    const { examples } = commands[command];
    expect(examples).toHaveLength(3);
    for (const [given] of examples) {
      const argv = [command, ...given.split(' ').filter((word) => word !== '')];
      expect(parse(argv, {})).toMatchObject({ action: 'run', command });
      expect(printed(command, '--help')).toContain(`npx ts-node run.ts ${argv.join(' ')}\n`);
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
  });
});
