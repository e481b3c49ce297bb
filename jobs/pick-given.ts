/** The options of these names that were given; whoever takes them has defaults for the others. */
export function pickGiven<T extends object, K extends keyof T>(
  options: T,
  keys: readonly K[],
): { [P in K]?: NonNullable<T[P]> } {
  const given = keys.filter((key) => options[key] != null);
  return Object.fromEntries(given.map((key) => [key, options[key]])) as {
    [P in K]?: NonNullable<T[P]>;
  };
}
