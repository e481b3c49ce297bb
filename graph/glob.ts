/** What one place of a glob stands for. */
type Token = 'any one' | 'any within' | 'any' | { readonly character: string };

/**
 * Whether names match a glob: `*` within a name, `**` across `/`, `?` one character that is no `/`.
 *
 * All places where the pattern could be are followed at once, so that the time is that of the pattern's length times
 * the name's, however many stars there are: a regular expression would try them one after the other.
 */
export function createGlob(pattern: string): (name: string) => boolean {
  const tokens = readTokens(pattern);
  return (name) => {
    let places = passStars(tokens, [0]);
    for (const character of name) {
      const next = [...places].flatMap((place) => step(tokens, place, character));
      places = passStars(tokens, next);
      if (places.size === 0) return false;
    }
    return places.has(tokens.length);
  };
}

function readTokens(pattern: string): Token[] {
  const stars: Readonly<Record<string, Token>> = { '**': 'any', '*': 'any within', '?': 'any one' };
  return pattern
    .split(/(\*\*|\*|\?)/)
    .flatMap((part) => stars[part] ?? Array.from(part, (character) => ({ character })));
}

/** The places, and those behind the stars at them, which may stand for nothing. */
function passStars(tokens: readonly Token[], places: readonly number[]): Set<number> {
  const found = new Set<number>();
  for (let place of places) {
    for (; !found.has(place); place++) {
      found.add(place);
      const token = tokens[place];
      if (token !== 'any' && token !== 'any within') break;
    }
  }
  return found;
}

/** Where a place leads by one character: a star stays where it is. */
function step(tokens: readonly Token[], place: number, character: string): number[] {
  const token = tokens[place];
  if (token === undefined) return [];
  if (token === 'any') return [place];
  if (token === 'any within') return character === '/' ? [] : [place];
  const isTaken = token === 'any one' ? character !== '/' : token.character === character;
  return isTaken ? [place + 1] : [];
}
