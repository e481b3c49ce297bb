import { SecateurError } from '../errors';

/** What is known about a wrong setting; every part that is known goes into the message. */
export interface ConfigFault {
  /** The setting as its source spells it: `--rate`, `SECATEUR_RATE` or `rate`. */
  readonly key: string;
  /** The words after the key: `must be` and what is allowed, or what is wrong with it. */
  readonly problem: string;
  /** `command line`, `environment variable X` or `file F`. */
  readonly source: string;
  /** What was received, as given. */
  readonly received?: unknown;
  /** The nearest valid name or value; null where none is near. */
  readonly nearest?: string | null;
}

/** A wrong command line, environment variable or config file: the caller ends with exit code 2. */
export class ConfigError extends SecateurError {
  override readonly name = 'ConfigError';
  override readonly exitCode = 2;

  constructor(readonly fault: ConfigFault) {
    const { key, problem, source, nearest } = fault;
    const received = 'received' in fault ? `, got ${quote(fault.received)}` : '';
    const hint = nearest ? `; did you mean ${nearest}?` : '';
    super(`${key} ${problem}${received} (${source})${hint}`);
  }
}

/** A received value as a message shows it: JSON, cut to what fits a line. */
function quote(value: unknown): string {
  const written = JSON.stringify(value) as string | undefined; // undefined for what JSON cannot hold
  const shown = written ?? typeof value;
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}
