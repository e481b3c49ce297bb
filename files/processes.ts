import { readFileSync } from 'node:fs';
import { errorCode } from './disk-error';

/**
 * Whether a process of this machine is running; a zombie is not.
 *
 * @param start what `processStart` gave for it: tells it from a later process with the same number.
 */
export function isProcessAlive(pid: number, start: string | null = null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  const seen = processStart(pid);
  if (seen === 'zombie') return false;
  return start === null || seen === null || seen === start;
}

/** When a process started, as boot and clock ticks since; null where the system does not tell. */
export function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' '); // the name may hold anything
    return fields[0] === 'Z' || fields[0] === 'X' ? 'zombie' : `${boot}/${fields[19]!}`;
  } catch {
    return null;
  }
}
