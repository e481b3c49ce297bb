/** Which layers may lose filters, by glob patterns of their paths: `*` within a name, `**` across. */
export interface Selection {
  /** Only groups with a producer that matches are prunable. */
  readonly only?: readonly string[] | undefined;
  /** Groups with a producer that matches are not. */
  readonly skip?: readonly string[] | undefined;
}

/**
 * A question for each group, asked with its producing layers: why the selection excludes it, or null.
 *
 * @throws {RangeError} when a pattern matches no layer: a rule without effect is a mistake.
 */
export function selector(
  selection: Selection,
  layers: readonly string[],
): (producers: readonly string[]) => string | null {
  const [only, skip] = [compile('only', selection, layers), compile('skip', selection, layers)];
  return (producers) => {
    const matching = (expressions: RegExp[] | undefined): string | undefined =>
      producers.find((layer) => expressions?.some((expression) => expression.test(layer)));
    const skipped = matching(skip);
    if (skipped !== undefined) return `${skipped} is skipped (--skip)`;
    return only && matching(only) === undefined ? 'not selected (--only)' : null;
  };
}

function compile(
  option: 'only' | 'skip',
  selection: Selection,
  layers: readonly string[],
): RegExp[] | undefined {
  return selection[option]?.map((pattern) => {
    const expression = globExpression(pattern);
    if (layers.some((layer) => expression.test(layer))) return expression;
    throw new RangeError(
      `--${option} ${pattern} matches no layer that has filters; there are ${layers.join(', ')}`,
    );
  });
}

function globExpression(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}
