import type { Fate, Form, Swept } from './sweep';

/** Everything that is neither equal nor refused by name, with what repeats it. */
export function faults(swept: readonly Swept[]): string[] {
  return swept.flatMap(({ number, args, fates }) =>
    [...fates].flatMap(([form, fate]) =>
      fate.fate === 'wrong'
        ? [`network ${number}, ${form}: ${fate.reason}\n  ${args.join(' ')}`]
        : [],
    ),
  );
}

/** How many networks are equal in a form. */
export function countEqual(swept: readonly Swept[], form: Form): number {
  return swept.filter(({ fates }) => fates.get(form)?.fate === 'equal').length;
}

/** What became of the networks, a line for each form and reason with how many there are. */
export function outcomeTable(swept: readonly Swept[]): string {
  const counts = new Map<string, number>();
  for (const { fates } of swept) {
    for (const [form, fate] of fates) {
      const line = `${form} ${fate.fate}${reasonOf(fate)}`;
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
  }
  const lines = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return lines.map(([line, count]) => `${`${count}`.padStart(5)}  ${line}`).join('\n');
}

/** A reason without what is this network's alone: the names of its layers, its file, its numbers. */
function reasonOf(fate: Fate): string {
  if (fate.fate === 'equal') return '';
  const [first = ''] = fate.reason.split('\n');
  const general = first
    .replace(/\S*\/\S*model\.json/g, 'the file')
    .replace(/; written are.*|\(\w+: .*/g, '')
    .replace(/[^\s,:(]*_[A-Z][A-Za-z0-9]*\d+/g, 'LAYER')
    .replace(/\d+(\.\d+)?/g, 'N');
  return `: ${general.slice(0, 160)}`;
}
