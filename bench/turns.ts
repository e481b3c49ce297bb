import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import * as readline from 'node:readline';

/** A process that stays alive and answers one line of JSON to one line of command. */
export class Worker {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
  ) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Record<string, unknown>> {
    const line = await this.lines.next();
    if (line.done) throw new Error(`${this.name} ended without an answer`);
    return JSON.parse(line.value) as Record<string, unknown>;
  }

  /** Median milliseconds of a step; the first `dropped` ones of the turn do not count. */
  async turn(steps: number, dropped = 1): Promise<number> {
    this.child.stdin!.write(`run ${steps + dropped}\n`);
    const { ms } = (await this.answer()) as { ms: number[] };
    return quantile(ms.slice(dropped), 0.5);
  }

  end(): void {
    this.child.stdin!.end();
  }
}

/** The value below which a share of the values lies, one of them. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))]!;
}
