import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../config/error';
import { describeFailure } from '../../config/failure';
import { OptionError, StoppedError } from '../../errors';

describe('what is said of an error', () => {
  it('names the option of the library by its flag', () => {
    const error = new OptionError({ option: 'minKeep', allowed: 'a whole number', received: 0.5 });
    expect(describeFailure(error)).toEqual({
      text: '--min-keep must be a whole number, got 0.5',
      exitCode: 2,
    });
    const rule = new OptionError({ option: 'layerRates', problem: 'a=0.1 has no effect' });
    expect(describeFailure(rule).text).toBe('--layer-rate a=0.1 has no effect');
    const late = new OptionError({ option: 'pruneAt.until', allowed: 'below 8', received: 9 });
    expect(describeFailure(late).text).toBe('--prune-until must be below 8, got 9');
    const other = new OptionError({ option: 'extent', allowed: 'unit or kernel' });
    expect(describeFailure(other).text).toBe('extent must be unit or kernel');
  });

  it('is the message alone where the error tells all, with its exit code', () => {
    const wrong = new ConfigError({ key: '--rate', problem: 'is odd', source: 'command line' });
    expect(describeFailure(wrong)).toEqual({ text: '--rate is odd (command line)', exitCode: 2 });
    expect(describeFailure(new StoppedError('SIGTERM'))).toMatchObject({ exitCode: 75 });
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    expect(describeFailure(full)).toEqual({ text: 'ENOSPC: no space left', exitCode: 4 });
  });

  it('is what failed, and not what failed while things were put away', () => {
    const wrong = new OptionError({ option: 'rate', problem: 'is odd' });
    const disposal = new Error('memory access out of bounds');
    const both = Object.assign(new Error('An error was suppressed during disposal.'), {
      name: 'SuppressedError', // as the compiler makes it where the engine has no such class
      error: disposal,
      suppressed: wrong,
    });
    expect(describeFailure(both)).toEqual({ text: '--rate is odd', exitCode: 2 });
  });

  it.each([new RangeError('Maximum call stack size exceeded'), new TypeError('x is undefined')])(
    'is the stack where it is a bug: $name',
    (bug) => {
      expect(describeFailure(bug)).toEqual({ text: bug.stack, exitCode: 1 });
      expect(bug.stack).toContain('failure.test.ts');
    },
  );
});
