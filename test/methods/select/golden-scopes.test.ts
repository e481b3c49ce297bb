import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import type { KeepSet } from '../../../graph';
import { chooseUnits, createMethod, methods } from '../../../methods';
import type { MethodId, PolicyOptions, Methodology } from '../../../methods';
import { KernelShelf, disposeEvidence, gatherBatches, residualGraph } from '../fixtures';

type Numbers = readonly number[];

interface Golden {
  readonly shapes: Readonly<Record<string, Numbers>>;
  readonly kernels: Readonly<Record<string, Numbers>>;
  readonly gammas: Readonly<Record<string, Numbers>>;
  /** Per kernel, per batch. */
  readonly gradients: Readonly<Record<string, readonly Numbers[]>>;
  readonly activations: Readonly<Record<string, readonly Numbers[]>>;
  readonly criteria: Readonly<Record<string, { readonly method: MethodId }>>;
  readonly choices: readonly (Required<Pick<PolicyOptions, 'scope' | 'rate'>> &
    Pick<PolicyOptions, 'merge'> & {
      readonly criterion: string;
      /** A 0/1 string per group or kernel. */
      readonly kept: readonly string[];
    })[];
}

// Made by make_scope_masks.py beside it, in NumPy, from the formulas alone.
const golden = JSON.parse(
  readFileSync(path.join(__dirname, '../../golden/scope-masks.json'), 'utf8'),
) as Golden;

const shelf = new KernelShelf();
const graph = residualGraph();

beforeAll(async () => {
  await startEngine('cpu');
  for (const [name, shape] of Object.entries(golden.shapes)) {
    shelf.set(`${name}/kernel`, shape, golden.kernels[name]!);
    const gammas = golden.gammas[name];
    if (gammas) shelf.set(`${name}_bn/gamma`, [gammas.length], gammas);
  }
});
afterAll(() => {
  shelf.dispose();
});

it('has every method of the registry but those that draw by lot', () => {
  const named = new Set(Object.values(golden.criteria).map(({ method }) => method));
  const drawn = Object.keys(methods).filter((id) => !named.has(id as MethodId));
  expect(drawn).toEqual(['random-filter', 'random-weight']);
});

describe.each(Object.entries(golden.criteria))('%s', (criterion, { method: id, ...own }) => {
  let evidence: ReadonlyMap<string, tf.Tensor> | null = null;

  beforeAll(() => {
    evidence = observe(createMethod(id, own));
  });
  afterAll(() => {
    disposeEvidence(evidence);
  });

  it.each(['uniform', 'global', 'adaptive'] as const)(
    'keeps the golden units at every rate and merge, scope %s',
    (scope) => {
      const rows = golden.choices.filter(
        (row) => row.criterion === criterion && row.scope === scope,
      );
      expect(rows.length).toBeGreaterThanOrEqual(9);
      for (const { rate, merge = 'mean', kept } of rows) {
        const policy = { rate, scope, merge };
        const keep = chooseUnits(
          { graph, kernel: shelf.read },
          createMethod(id, own),
          policy,
          evidence,
        );
        const chosen = flagsOf(keep);
        expect(chosen, `rate ${rate}, merge ${merge}`).toEqual(kept);
      }
    },
  );
});

/** What the method makes of the golden batches; null where it observes nothing. */
function observe(method: Methodology): Map<string, tf.Tensor> | null {
  if (method.observes === 'nothing') return null;
  const seen = golden[method.observes];
  const made = Object.entries(seen).map(([name, batches]) => {
    const kernel = shelf.read(`${name}/kernel`);
    const shape = method.observes === 'gradients' ? kernel.shape : [16, 2, 2, kernel.shape.at(-1)!];
    const evidence = tf.tidy(() =>
      gatherBatches(
        method,
        batches.map((values) => method.observe(kernel, tf.tensor([...values], [...shape]))),
      ),
    );
    return [`${name}/kernel`, evidence] as const;
  });
  return new Map(made);
}

/** Groups in the order of the graph, or kernels in that of the golden file. */
function flagsOf({ groups, weights }: KeepSet): string[] {
  const names = Object.keys(golden.shapes);
  const vectors = [
    ...groups.values(),
    ...names.flatMap((name) => weights.get(`${name}/kernel`) ?? []),
  ];
  return vectors.map((vector) => vector.join(''));
}
