import * as path from 'node:path';
import { SecateurError } from '../../errors';
import {
  MalformedFileError,
  asDiskError,
  canonicalJson,
  ensureFolder,
  fields,
  isJsonObject,
  nodeFiles,
  nullOr,
  real,
  replaceFile,
  text,
  whole,
  writeAll,
} from '../../files';
import type { JsonObject, JsonValue, OpenFile } from '../../files';
import { holdFolder } from '../../files/run/hold-folder';
import type { Quality } from '../../report/sensitivity';

/** A folder holds a scan of something else. */
export class OtherScanError extends SecateurError {
  override readonly name = 'OtherScanError';
  override readonly exitCode = 2;
}

const FORMAT = 'secateur-sensitivity-log/1';
const LIMIT = 100_000_000; // bytes

/** What was measured: a group's id and a rate, or null and 0 for the whole network. */
export interface CellName {
  readonly group: string | null;
  readonly rate: number;
}

/**
 * The measurements of a scan as sensitivity.jsonl: what is scanned in the first line, then one line for
 * each finished measurement, on the disk before the next one begins.
 */
export class SensitivityLog {
  private readonly cells = new Map<string, Quality>();
  private file: OpenFile | null = null;

  private constructor(
    private readonly target: string,
    private readonly held: Disposable,
  ) {}

  /**
   * Opens the measurements in a folder, which is made where it is missing; a last line that a kill tore
   * is dropped.
   *
   * @param identity what decides the measurements, by parts; a scan of another one is not gone on with.
   * @throws {RunInUseError} while another scan goes on there.
   * @throws {OtherScanError} naming the first part that differs.
   * @throws {MalformedFileError} when a line is damaged, or no measurement.
   */
  static async open(folder: string, identity: JsonObject): Promise<SensitivityLog> {
    const held = await holdFolder(folder);
    try {
      await ensureFolder(path.resolve(folder));
      const log = new SensitivityLog(path.join(folder, 'sensitivity.jsonl'), held);
      await log.begin({ format: FORMAT, ...identity });
      return log;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  /** Measurements that are finished. */
  get size(): number {
    return this.cells.size;
  }

  /** A finished measurement; null where there is none. */
  get({ group, rate }: CellName): Quality | null {
    return this.cells.get(keyOf(group, rate)) ?? null;
  }

  /**
   * Appends a measurement and returns once it is on the disk.
   *
   * @throws {DiskError} when the disk is full or failing.
   */
  async append({ group, rate }: CellName, { loss, accuracy }: Quality): Promise<void> {
    const bytes = Buffer.from(`${canonicalJson({ group, rate, loss, accuracy })}\n`);
    try {
      this.file ??= await nodeFiles.open(this.target, 'a');
      await writeAll(this.file, bytes);
      await this.file.sync();
    } catch (error) {
      throw await asDiskError(error, this.target, bytes.byteLength, nodeFiles);
    }
    this.cells.set(keyOf(group, rate), { loss, accuracy });
  }

  /** Closes the file and lets others have the folder; nothing may be appended after it. */
  async close(): Promise<void> {
    try {
      await this.file?.close();
      this.file = null;
    } finally {
      this.held[Symbol.dispose]();
    }
  }

  private async begin(first: JsonObject): Promise<void> {
    const lines = await this.readLines();
    if (lines.length > 0) this.requireSame(lines[0]!, first);
    for (const [index, line] of lines.entries()) if (index > 0) this.take(line, index + 1);
    const kept = [first, ...lines.slice(1)].map((line) => `${canonicalJson(line)}\n`);
    await replaceFile(this.target, Buffer.from(kept.join('')));
  }

  private async readLines(): Promise<JsonObject[]> {
    if ((await nodeFiles.status(this.target)) === null) return [];
    const content = await nodeFiles.read(this.target, LIMIT);
    const lines = content.toString().split('\n').slice(0, -1); // after the last LF: torn or nothing
    return lines.map((line, index) => {
      const value = parseLine(line);
      if (isJsonObject(value)) return value;
      throw new MalformedFileError(this.target, `line ${index + 1} is damaged`);
    });
  }

  private requireSame(saved: JsonObject, current: JsonObject): void {
    const text = (value: JsonValue | undefined): string =>
      value === undefined ? 'nothing' : canonicalJson(value);
    for (const key of new Set([...Object.keys(current), ...Object.keys(saved)])) {
      const [before, now] = [text(saved[key]), text(current[key])];
      if (before === now) continue;
      throw new OtherScanError(
        `${this.target} holds a scan of something else: ${key} was ${before}, it is ${now} now; ` +
          `choose another folder or remove the file`,
      );
    }
  }

  private take(line: JsonObject, number: number): void {
    const { group, rate, ...quality } = measurement(line, {
      file: this.target,
      key: `line ${number}`,
    });
    // What is measured with nothing pruned has no rate.
    if (group === null) whole({ to: 0 })(rate, { file: this.target, key: `line ${number}.rate` });
    this.cells.set(keyOf(group, rate), quality);
  }
}

/** A finished measurement as its line holds it. */
const measurement = fields({
  group: nullOr(text()),
  rate: real({ from: 0, to: 1 }),
  loss: real(),
  accuracy: real({ from: 0, to: 1 }),
});

function keyOf(group: string | null, rate: number): string {
  return `${rate} ${group === null ? '' : `of ${group}`}`;
}

function parseLine(line: string): JsonValue | undefined {
  try {
    return JSON.parse(line) as JsonValue;
  } catch {
    return undefined;
  }
}
