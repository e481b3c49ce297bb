/** How far the work is: a bar on a terminal, a line every ten seconds elsewhere, or nothing. */
import { MultiBar, type Params } from 'cli-progress';
import { columnsOf, wrapText } from './wrap';

/** Figures shown beside the progress, such as the loss, by their names. */
export type ProgressValues = Readonly<Record<string, number | string>>;

/** Shows one phase of work after the other; whoever starts a phase stops it, also when the work fails. */
export interface Progress {
  /** Begins a phase of `total` steps; a phase still open is stopped first. */
  start(total: number, label: string): void;
  /** `done` steps of the phase are done; values not given keep what they were. */
  update(done: number, values?: ProgressValues): void;
  /** A line of text that stays on the screen. */
  note(text: string): void;
  /** Ends the phase and gives the terminal back as it was; harmless without a phase. */
  stop(): void;
}

/** Where and how progress is shown. */
export interface ProgressOptions {
  /** @default process.stderr, so that stdout holds results alone */
  readonly stream?: NodeJS.WriteStream | NodeJS.WritableStream;
  /** Whether lines may be redrawn. @default true on a terminal that can move its cursor */
  readonly interactive?: boolean;
  /** Shows nothing at all. @default false */
  readonly quiet?: boolean;
}

/** The progress that fits the stream. None of the three uses colours, so NO_COLOR holds for all. */
export function createProgress({
  stream = process.stderr,
  interactive = process.env.TERM !== 'dumb',
  quiet = false,
}: ProgressOptions = {}): Progress {
  if (quiet) return new SilentProgress();
  return interactive && isTerminal(stream) ? new BarProgress(stream) : new LineProgress(stream);
}

function isTerminal(stream: NodeJS.WritableStream): stream is NodeJS.WriteStream {
  return 'isTTY' in stream && stream.isTTY === true;
}

/** Milliseconds between two lines of one phase. */
const LINE_MS = 10_000;

/** Milliseconds between two drawings of the bar. */
const DRAW_MS = 100;

/** What is known of a phase: how far it is, how long it took and its last figures. */
class Phase {
  done = 0;
  private readonly startedMs = performance.now();
  private first: { readonly done: number; readonly ms: number } | null = null;
  private readonly values = new Map<string, number | string>();

  constructor(
    readonly total: number,
    readonly label: string,
  ) {}

  update(done: number, values: ProgressValues): void {
    this.done = done;
    // The first step is slow (engines compile then) and a resumed phase does not begin at 0: time from here.
    this.first ??= { done, ms: performance.now() };
    for (const [name, value] of Object.entries(values)) this.values.set(name, value);
  }

  /** Done steps over all steps, in [0, 1]; a phase without steps is done. */
  get share(): number {
    return this.total > 0 ? Math.min(Math.max(this.done / this.total, 0), 1) : 1;
  }

  /** `120/422 28 %` */
  get position(): string {
    const total = String(this.total);
    const percent = String(Math.floor(this.share * 100)).padStart(3);
    return `${String(this.done).padStart(total.length)}/${total} ${percent} %`;
  }

  /** `1m 05s left`, or nothing where it cannot be known. */
  get remaining(): string[] {
    if (this.first === null || this.done <= this.first.done || this.done >= this.total) return [];
    const msPerStep = (performance.now() - this.first.ms) / (this.done - this.first.done);
    return [`${duration((this.total - this.done) * msPerStep)} left`];
  }

  /** `65s` since the start. */
  get elapsed(): string {
    return duration(performance.now() - this.startedMs);
  }

  /** `loss 0.1234`, one for each figure. */
  get figures(): string[] {
    return [...this.values].map(([name, value]) => `${name} ${shortNumber(value)}`);
  }
}

/** cli-progress on a terminal; the bar of an ended phase stays on the screen. */
class BarProgress implements Progress {
  private bars: MultiBar | null = null;
  private phase: Phase | null = null;
  private drawnMs = 0;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  start(total: number, label: string): void {
    this.stop();
    const phase = new Phase(total, label);
    this.phase = phase;
    this.bars = new MultiBar({
      stream: this.stream,
      format: (_options, params) => this.line(phase, params),
      hideCursor: true,
      linewrap: true, // leaves the terminal's wrapping alone; our line is cut to the width
      forceRedraw: true, // else the bar is gone after a note until a figure changes
      gracefulExit: false, // its signal listeners would keep the program from ending
      fps: 1000 / DRAW_MS,
    });
    // process.exit from a second signal must not leave the cursor hidden.
    process.once('exit', this.restoreCursor);
    this.bars.create(total, 0);
    this.draw(this.bars);
  }

  update(done: number, values: ProgressValues = {}): void {
    if (!this.phase || !this.bars) return;
    this.phase.update(done, values);
    // cli-progress draws from a timer, which never fires in a loop that only awaits settled promises.
    if (performance.now() - this.drawnMs >= DRAW_MS) this.draw(this.bars);
  }

  note(text: string): void {
    const lines = `${wrapText(text, columnsOf(this.stream))}\n`;
    if (!this.bars) {
      this.stream.write(lines);
      return;
    }
    this.bars.log(lines);
    this.draw(this.bars);
  }

  stop(): void {
    if (!this.bars) return;
    this.draw(this.bars); // stop() drops what was logged since the last drawing
    this.bars.stop();
    process.removeListener('exit', this.restoreCursor);
    this.bars = this.phase = null;
  }

  private draw(bars: MultiBar): void {
    bars.update();
    this.drawnMs = performance.now();
  }

  private readonly restoreCursor = (): void => {
    this.stream.write('\x1b[?25h\n');
  };

  private line(phase: Phase, { maxWidth }: Params): string {
    const size = Math.max(0, Math.min(24, maxWidth - 50));
    const full = Math.round(phase.share * size);
    const bar = `[${'='.repeat(full)}${'-'.repeat(size - full)}]`;
    const time = phase.done >= phase.total ? [phase.elapsed] : phase.remaining;
    const line = `${phase.label} ${bar} ${phase.position}  ${[...time, ...phase.figures].join(', ')}`;
    // The last column stays free: some terminals wrap as soon as it is written.
    return line.trimEnd().slice(0, Math.max(0, maxWidth - 1));
  }
}

/** Whole lines for pipes and files: at the start of a phase, every ten seconds, and at its end. */
class LineProgress implements Progress {
  private phase: Phase | null = null;
  private writtenMs = 0;

  constructor(private readonly stream: NodeJS.WritableStream) {}

  start(total: number, label: string): void {
    this.stop();
    this.phase = new Phase(total, label);
    this.write(`${label}: started, ${total} steps`);
  }

  update(done: number, values: ProgressValues = {}): void {
    if (!this.phase) return;
    this.phase.update(done, values);
    if (performance.now() - this.writtenMs < LINE_MS) return;
    this.write(this.line(this.phase, this.phase.remaining));
  }

  note(text: string): void {
    this.stream.write(`${wrapText(text, columnsOf(this.stream))}\n`);
  }

  stop(): void {
    if (!this.phase) return;
    this.write(this.line(this.phase, [`took ${this.phase.elapsed}`]));
    this.phase = null;
  }

  private line(phase: Phase, time: readonly string[]): string {
    return `${phase.label}: ${[phase.position.trim(), ...time, ...phase.figures].join(', ')}`;
  }

  private write(line: string): void {
    this.note(line);
    this.writtenMs = performance.now();
  }
}

/** Shows nothing. */
class SilentProgress implements Progress {
  start(): void {
    // nothing to show
  }

  update(): void {
    // nothing to show
  }

  note(): void {
    // nothing to show
  }

  stop(): void {
    // nothing to show
  }
}

/** `1h 02m`, `1m 05s` or `5s`. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m ${two(seconds % 60)}s` : `${seconds}s`;
}

/** Four digits, as an exponent where the number is very small or large. */
function shortNumber(value: number | string): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(2) : value.toPrecision(4);
}
