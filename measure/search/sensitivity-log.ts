import * as path from 'node:path';
import { SecateurError } from '../../errors';
import {
  MalformedFileError,
  asDiskError,
  canonicalJson,
  ensureFolder,
  isJsonObject,
  nodeFiles,
  replaceFile,
  writeAll,
} from '../../files';
import type { JsonObject, JsonValue, OpenFile } from '../../files';
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

  private constructor(private readonly target: string) {}

  /**
   * Opens the measurements in a folder, which is made where it is missing; a last line that a kill tore
   * is dropped.
   *
   * @param identity what decides the measurements, by parts; a scan of another one is not gone on with.
   * @throws {OtherScanError} naming the first part that differs.
   * @throws {MalformedFileError} when a line is damaged.
   */
  static async open(folder: string, identity: JsonObject): Promise<SensitivityLog> {
    await ensureFolder(path.resolve(folder));
    const log = new SensitivityLog(path.join(folder, 'sensitivity.jsonl'));
    const lines = await log.readLines();
    const first = { format: FORMAT, ...identity };
    if (lines.length > 0) log.requireSame(lines[0]!, first);
    for (const line of lines.slice(1)) log.take(line);
    const kept = [first, ...lines.slice(1)].map((line) => `${canonicalJson(line)}\n`);
    await replaceFile(log.target, Buffer.from(kept.join('')));
    return log;
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

  /** Closes the file; nothing may be appended after it. */
  async close(): Promise<void> {
    await this.file?.close();
    this.file = null;
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

  private take({ group, rate, loss, accuracy }: JsonObject): void {
    const isCell =
      (group === null || typeof group === 'string') &&
      [rate, loss, accuracy].every((value) => typeof value === 'number');
    if (!isCell) throw new MalformedFileError(this.target, 'a line is no measurement');
    this.cells.set(keyOf(group, rate as number), {
      loss: loss as number,
      accuracy: accuracy as number,
    });
  }
}

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
