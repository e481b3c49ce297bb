/** TypeScript text for values and names. */

/** A string literal in single quotes. */
export function quote(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inner}'`;
}

/** An object literal from properties whose values are TypeScript text already. */
export function objectLiteral(properties: readonly (readonly [string, string])[]): string {
  if (properties.length === 0) return '{}';
  const text = properties.map(
    ([key, value]) => `${isIdentifier(key) ? key : quote(key)}: ${value}`,
  );
  return `{ ${text.join(', ')} }`;
}

/** The literal of plain data: numbers, strings, flags, null, lists and objects of them. */
export function literal(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return objectLiteral(Object.entries(value).map(([key, held]) => [key, literal(held)]));
}

const reserved = new Set(
  (
    'await break case catch class const continue debugger default delete do else enum export extends ' +
    'false finally for function if implements import in instanceof interface let new null package ' +
    'private protected public return static super switch this throw true try typeof undefined var ' +
    'void while with yield arguments eval async of type'
  ).split(' '),
);

function isIdentifier(text: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(text) && text !== '__proto__';
}

/** An identifier that reads like the name. */
export function identifier(name: string): string {
  const text = name.replaceAll(/[^\w$]/g, '_');
  return isIdentifier(text) && !reserved.has(text) ? text : `_${text}`;
}

/** Identifiers of one scope, each given once. */
export class Names {
  private readonly given: Set<string>;

  /** @param taken identifiers that the scope sees already. */
  constructor(taken: Iterable<string>) {
    this.given = new Set(taken);
  }

  /** An identifier like the name that nothing else in the scope has. */
  give(name: string): string {
    const base = identifier(name);
    let free = base;
    for (let copy = 2; this.given.has(free); copy++) free = `${base}_${copy}`;
    this.given.add(free);
    return free;
  }
}
