import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';
import type { CreateTranspilerOptions } from 'ts-node';
import { afterAll, describe, expect, it } from 'vitest';
import { projectFolder } from './compiled';
import { create } from '../transpile.cjs';

const cache = join(projectFolder, 'node_modules', '.cache', 'secateur');
const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, sourceMap: true };
const fileName = join(projectFolder, 'test', `of-the-test-${process.pid}.ts`);

function transpiler(compilerOptions: ts.CompilerOptions = options) {
  return create({
    service: { config: { options: compilerOptions } },
  } as unknown as CreateTranspilerOptions);
}

/** Where the text of the test's file is kept. */
function place(): string | undefined {
  if (!existsSync(cache)) return undefined;
  return readdirSync(cache)
    .map((name) => join(cache, name))
    .find((path) => existsSync(path) && readFileSync(path, 'utf8').includes('ofTheTest'));
}

describe('what ts-node compiles the sources with', () => {
  afterAll(() => {
    rmSync(place() ?? fileName, { force: true });
  });

  it('compiles a text once, and anew when the text or the options are others', () => {
    const text = 'export const ofTheTest: number = 1;';
    const first = transpiler().transpile(text, { fileName });
    expect(first.outputText).toContain('exports.ofTheTest = 1;');
    const kept = JSON.parse(readFileSync(place()!, 'utf8')) as { output: typeof first };
    expect(kept.output).toEqual({
      outputText: first.outputText,
      sourceMapText: first.sourceMapText,
    });
    const marked = { ...kept, output: { ...kept.output, outputText: 'ofTheTest; // kept' } };
    writeFileSync(place()!, JSON.stringify(marked));
    expect(transpiler().transpile(text, { fileName }).outputText).toBe('ofTheTest; // kept');
    const other = transpiler().transpile(text.replace('1', '2'), { fileName });
    expect(other.outputText).toContain('exports.ofTheTest = 2;');
    const modules = transpiler({ ...options, module: ts.ModuleKind.ES2022 });
    expect(modules.transpile(text, { fileName }).outputText).toContain('export const ofTheTest');
  });

  it('says what is no TypeScript, each time', () => {
    for (const compiled of [transpiler(), transpiler()]) {
      const { diagnostics } = compiled.transpile('const ofTheTest: = 3', { fileName });
      expect(diagnostics).toHaveLength(1);
    }
  });

  it.each(['', '{', '{"key":"x"}', 'null'])('compiles anew where it kept %j', (damaged) => {
    const text = 'export const ofTheTest = 1;';
    const whole = transpiler().transpile(text, { fileName });
    writeFileSync(place()!, damaged);
    expect(transpiler().transpile(text, { fileName }).outputText).toBe(whole.outputText);
    expect(JSON.parse(readFileSync(place()!, 'utf8'))).toHaveProperty('key');
  });
});
