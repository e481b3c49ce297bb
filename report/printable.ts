/**
 * Text that does to a terminal nothing but appear on it: names of layers and classes come from other people's files.
 *
 * Characters that steer (escapes, the carriage return, marks that turn the direction of writing) are shown as `?`.
 *
 * @param isLine whether line ends and tabs are steering too. Default false.
 */
export function toPrintable(text: string, { isLine = false } = {}): string {
  const steering = isLine
    ? /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu
    : /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;
  return text.replace(steering, '?');
}

/** JSON that a terminal may be shown: the same data, its steering characters as escapes of JSON. */
export function toPrintableJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
