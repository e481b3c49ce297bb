import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModules } from '../../commands/find-modules';
import { registerModules } from '../../commands/register-modules';
import type * as Failing from '../../config/failure';
import type * as Parsing from '../../config/parse';
import * as library from '../../index';
import { commandLine } from '../trainer/fixtures/command-line';
import type { Ending } from '../trainer/fixtures/command-line';
import type * as Invoking from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-register-'));
const file = join(folder, 'taught.js');
const run = join(folder, 'run');
const engine = ['--backend', 'cpu'];
const proven = [...engine, '--verify-samples', '4'];

// The table of options is made when it is first loaded: after the module has registered what it knows.
let invoking: typeof Invoking;
let parsing: typeof Parsing;
let failing: typeof Failing;
let said: string[] = [];

beforeAll(async () => {
  copyFileSync(join(__dirname, 'fixtures', 'taught.js'), file);
  said = await registerModules([{ file, source: 'command line' }], library);
  parsing = await import('../../config/parse.js');
  failing = await import('../../config/failure.js');
  invoking = await import('./fixtures/invoke.js');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let loaded = 0;

/** Loads a module of this text, named as the command line would. */
function load(name: string, text: string): Promise<string[]> {
  const place = join(folder, name.replace('N', `${loaded++}`)); // Node reads a file once
  writeFileSync(place, text);
  return registerModules([{ file: place, source: 'command line' }], library);
}

/** What the program says of a module that cannot be used. */
async function refusalOf(name: string, text: string): Promise<string> {
  const error: unknown = await load(name, text).then(String, (thrown: unknown) => thrown);
  const { text: words, exitCode } = failing.describeFailure(error);
  expect([words, exitCode]).toEqual([words, 2]);
  return words.replaceAll(folder, '.');
}

describe('a registered module', () => {
  it('says what it registers, and its names and options are in the help', () => {
    expect(said).toEqual([
      'taught.js registers class Gain, handler of Gain, method peak, data set stripes, network gained',
    ]);
    const help = parsing.parse(['--help'], {});
    expect(help).toMatchObject({ action: 'print' });
    const { stdout } = help as Parsing.Print;
    const words = stdout.replaceAll(/\s+/g, ' ');
    expect(words).toContain('--peak-sign N with peak: -1 removes the filters of largest weight');
    for (const name of [', peak, none', ', stripes;', ', gained;']) expect(words).toContain(name);
  });

  it('trains, prunes and is proved; the run names the module by its absolute path', async () => {
    const given = ['--arch', 'gained', '--dataset', 'stripes', '--method', 'peak', '--rate', '0.5'];
    const place = join(process.cwd(), 'taught.js');
    const where = ['--register', 'taught.js', '--run-dir', run, '--json'];
    const { parse } = parsing;
    expect(parse([...given, ...where], {})).toMatchObject({ config: { register: [place] } });
    const trained = await invoking.invoke([
      ...[...given, '--register', file, '--register', `${file},${file}`, '--skip', 'first'],
      ...[...proven, '--run-dir', run, '--json'],
    ]);
    expect(JSON.parse(trained.stdout)).toMatchObject({
      verification: { samples: 4, maxAbsDiff: 0 },
    });
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ register: [file], method: 'peak', peakSign: 1 });
    const manifest = readFileSync(join(run, 'export', 'pruning.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ method: 'peak' });
  });

  it('is taken up by a resume that does not name it, anywhere, and told from a changed one', async () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const resume = ['--resume', '--run-dir', run, '--json'];
    const ending = await commandLine([...resume, '--quiet'], { cwd: elsewhere });
    expect(ending).toMatchObject({ code: 0, stderr: '' });
    const moved = join(elsewhere, 'taught.js'); // the content counts, not the place
    copyFileSync(file, moved);
    expect((await invoking.invoke([...resume, '--register', moved])).code).toBe(0);
    writeFileSync(moved, `${readFileSync(file, 'utf8')}// changed\n`);
    const changed = await invoking.refusal([...resume, '--register', moved]);
    expect(changed).toMatchObject({ exitCode: 2 });
    expect(changed.message).toMatch(/begun otherwise: .*register/);
  });

  it('serves prune, evaluate, sensitivity, export, flops and graph', async () => {
    const model = ['--register', file, '--model', run];
    const json = async (args: string[]): Promise<unknown> =>
      JSON.parse((await invoking.invoke([...args, '--json'])).stdout);
    const small = join(folder, 'small');
    const prune = ['prune', ...model, ...proven, '--method', 'peak', '--rate', '0.5'];
    const kept = async (out: string, ...args: string[]): Promise<readonly number[]> => {
      const manifest = await json([...prune, '--out', out, ...args]);
      const { groups } = manifest as { groups: { id: string; kept: number[] }[] };
      return groups.find(({ id }) => id === 'first')!.kept;
    };
    const [large, fine] = [await kept(small), await kept(`${small}2`, '--peak-sign', '-1')];
    expect([...large, ...fine].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]); // the ones or the others
    const images = ['--dataset', 'stripes', ...engine];
    expect(await json(['evaluate', ...model, ...images])).toMatchObject({ images: 20, top1: 1 });
    const out = ['--out', join(folder, 'scan'), '--rates', '0.5', '--skip', 'first'];
    const scan = ['sensitivity', ...model, ...images, '--method', 'peak', ...out];
    expect(await json(scan)).toMatchObject({ method: 'peak', groups: [{ id: 'second' }] });
    const fresh = ['export', '--register', file, '--arch', 'gained', ...engine];
    const whole = 8 * 10 + 8 + 6 * 33 + 2 * 25; // of 8, the gain, 6 and 2 channels
    expect(await json([...fresh, '--out', join(folder, 'fresh')])).toMatchObject({ params: whole });
    const halved = 4 * 10 + 4 + 2 * 17 + 2 * 9; // of 4, the gain, 2 of the 3 that training left, 2
    const cut = ['--register', file, '--model', small];
    expect(await json(['flops', ...cut])).toMatchObject({ params: halved });
    const [first] = ((await json(['graph', ...cut])) as { groups: object[] }).groups;
    expect(first).toMatchObject({ id: 'first', followers: ['gain'], frozen: null });
  });

  it('is named by the refusal of a scan whose layer cannot be masked, before there is a folder', async () => {
    const out = join(folder, 'never');
    const images = ['--dataset', 'stripes', ...engine, '--register', file, '--model', run];
    const { message } = await invoking.refusal(['sensitivity', ...images, '--out', out]);
    expect(message).toContain('no layer of the class Gain can be masked');
    expect(() => readFileSync(join(out, 'sensitivity.jsonl'))).toThrow('ENOENT');
  });

  it('may be an ES module, or register as it is loaded; one that fails ends the program with 2', async () => {
    const body = "({ registerMethod, NormFilter }) {\n  registerMethod('esm', NormFilter);\n}\n";
    const index = JSON.stringify(join(__dirname, '..', '..', 'index'));
    const effect = `require(${index}).registerLayerHandler('Other', { trace: () => [] });`;
    const end = async (...modules: [name: string, text: string][]): Promise<Ending> => {
      for (const [name, text] of modules) writeFileSync(join(folder, name), text);
      const files = modules.map(([name]) => join(folder, name)).join();
      return commandLine(['flops', '--register', files, '--quiet']);
    };
    const both = await end(['esm.mjs', `export default function ${body}`], ['effect.cjs', effect]);
    expect(both).toMatchObject({ code: 0, stderr: '' });
    expect(both.stdout).toMatch(/FLOPs = 2 x MACs = 81,102,080, for one image\n$/);
    const failed = await end(['throws.cjs', "\nthrow new Error('not today');"]);
    expect(failed).toMatchObject({ code: 2, stdout: '' });
    const place = join(folder, 'throws.cjs');
    expect(failed.stderr).toBe(`--register ${place} fails: not today (line 2) (command line)\n`);
  });
});

describe('a module that cannot be used is refused by its file', () => {
  it('that is not there, is a folder, or fails', async () => {
    const missing = registerModules([{ file: '/none.js', source: 'file x.json' }], library);
    await expect(missing).rejects.toThrow('--register /none.js does not exist (file x.json)');
    const place = registerModules([{ file: folder, source: 'command line' }], library);
    await expect(place).rejects.toThrow('is no file');
    expect(await refusalOf('a.cjs', 'module.exports = () => {\n  nothing();\n};')).toBe(
      '--register ./a.cjs fails: nothing is not defined (line 2) (command line)',
    );
    expect(await refusalOf('b.cjs', "require('not-there');")).toContain(
      "--register ./b.cjs fails: Cannot find module 'not-there' (line 1)",
    );
    expect(await refusalOf('c.cjs', 'module.exports = async () => { throw "text"; };')).toBe(
      '--register ./c.cjs fails: text (command line)',
    );
  });

  it.each(['module.exports = 3;', 'module.exports = () => 3;', 'module.exports = {};', ''])(
    'that registers nothing: %j',
    async (text) => {
      expect(await refusalOf('nN.cjs', text)).toMatch(/^--register .\/n\d+.cjs registers nothing: it must export/);
    },
  ); // prettier-ignore

  it.each([
    ["registerMethod('fpgm', NormFilter)", 'the method fpgm cannot be registered: there is a method of that name already'],
    ["registerMethod('peak', NormFilter)", 'the method peak cannot be registered'],
    ["registerMethod('none', NormFilter)", 'the method none cannot be registered'],
    ["registerMethod('a b', NormFilter)", 'the method a b cannot be registered: its name must begin with a letter'],
    ["registerMethod('m1', class {})", 'it must be a class that extends Methodology'],
    ["registerMethod('m1', NormFilter, { unit: 'layer' })", 'its unit must be one of filter, weight, got layer'],
    ["registerMethod('m1', NormFilter, { options: { norm: { doc: 'd', value: { kind: 'flag' }, default: true } } })", 'its option norm is one of norm-filter already'],
    ["registerMethod('m1', NormFilter, { options: { x: { doc: 'd', value: { kind: 'real', above: 0 }, default: 0 } } })", 'its option x must have a default that its value allows, got 0'],
    ["registerMethod('m1', NormFilter, { options: { x: { doc: 'd', value: {}, default: 0 } } })", 'its option x must have a value of kind flag, choice, real, whole'],
    ["registerDataSet('mnist', dataSets.mnist)", 'the data set mnist cannot be registered: there is a data set of that name already'],
    ["registerDataSet('d', { ...dataSets.mnist, classes: ['a', 'a'] })", 'its classes must be two or more different names'],
    ["registerDataSet('d', { ...dataSets.mnist, mean: [1, 2] })", 'its mean must be 1 numbers, one for each channel'],
    ["registerDataSet('d', { ...dataSets.mnist, recipe: {} })", 'its recipe must have a number epochs'],
    ["registerDataSet('d', { ...dataSets.mnist, open: 1 })", 'it must have a function open'],
    ["registerDataSet('d', null)", 'it must be a record'],
    ["registerNetwork('resnet20', () => 1, {})", 'there is a network of that name already'],
    ["registerNetwork('n', 1, {})", 'it must come with a function that builds it'],
    ["registerNetwork('n', () => 1, { inputShape: [1, 2] })", 'its inputShape must be height, width and channels'],
    ["registerLayerHandler('Conv2D', { trace() {} })", 'the handler of the layer class Conv2D cannot be registered: the class has one already'],
    ["registerLayerHandler('Gain', { trace() {} })", 'the class has one already'],
    ["registerLayerHandler('New', {})", 'it must come with a class name and a function trace'],
    ["tf.serialization.registerClass(class Dense extends tf.layers.Layer { static className = 'Dense' })", 'registers the class Dense, which there is already'],
  ])('that calls %s', async (call, problem) => {
    const names = '{ registerMethod, registerDataSet, registerNetwork, registerLayerHandler, NormFilter, dataSets }';
    expect(await refusalOf('rN.cjs', `module.exports = (${names}, tf) => ${call};`)).toContain(problem);
  }); // prettier-ignore
});

describe('the modules of a call', () => {
  const found = async (argv: string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> =>
    (await findModules(argv, env)).map(({ file: place, source }) => `${place} (${source})`);
  const here = (name: string): string => join(process.cwd(), name);

  it('are those of the command line, else of the environment, else of the file of options', async () => {
    const config = join(folder, 'options.json');
    writeFileSync(config, JSON.stringify({ register: ['/c.js'] }));
    const env = { SECATEUR_REGISTER: '/e.js,f.js' };
    expect(await found(['prune', '--register', 'a.js,/b.js', '--json', '--register=a.js'], env)).toEqual([
      `${here('a.js')} (command line)`,
      '/b.js (command line)',
    ]);
    const ofVariable = '(environment variable SECATEUR_REGISTER)';
    expect(await found(['--config', config], env)).toEqual([`/e.js ${ofVariable}`, `${here('f.js')} ${ofVariable}`]);
    expect(await found(['flops', `--config=${config}`])).toEqual([`/c.js (file ${config})`]);
    expect(await found([], { SECATEUR_CONFIG: config })).toEqual([`/c.js (file ${config})`]);
  }); // prettier-ignore

  it('are none where nothing names some, or what might cannot be read', async () => {
    expect(await found([])).toEqual([]);
    expect(await found(['--resume', '--run-dir', join(folder, 'no-run')])).toEqual([]);
    expect(await found(['--config', join(folder, 'none.json')])).toEqual([]);
    expect(await found(['--help', '--arch'])).toEqual([]);
  });

  it('are of the run that is resumed', async () => {
    const last = join(folder, 'elsewhere', 'taught.js'); // what the resume above named
    const saved = `${last} (file ${join(run, 'config.json')})`;
    for (const given of [['--resume', '--run-dir', run], ['--resume', run], [`--resume=${run}`]]) {
      expect(await found([...given, '--quiet'])).toEqual([saved]);
    }
    expect(await found([], { SECATEUR_RESUME: 'true', SECATEUR_RUN_DIR: run })).toEqual([saved]);
  });
});

describe('a method with an option of the name of one that all have', () => {
  it('is refused before anything is done', async () => {
    const option = "{ epochs: { doc: 'd', value: { kind: 'whole' }, default: 2 } }";
    const register = `s.registerMethod('late', s.NormFilter, { options: ${option} })`;
    await load('late.cjs', `module.exports = (s) => ${register};`);
    expect(() => parsing.parse(['flops'], {})).toThrow(
      "--register teaches a method late with an option epochs, which is one of the program's own",
    );
  });
});
