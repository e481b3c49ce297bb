import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { explainMemory, OutOfMemoryError } from '../../backend/out-of-memory';
import { OptionError } from '../../errors';
import { describeOn } from '../engines';

const attempt = { work: 'training resnet20', batchSize: 512 };

/** What engines and V8 were seen to throw. */
const everywhere: readonly Error[] = [
  new Error('Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[5000,32,32,16]'),
  new Error('RESOURCE_EXHAUSTED: failed to allocate memory'),
  new RangeError('Array buffer allocation failed'),
  new RangeError('Invalid typed array length: 17179869184'),
  new Error('Aborted(Cannot enlarge memory arrays to size 4294967296 bytes (OOM))'),
];
const ofWasm: readonly Error[] = [
  Object.assign(new Error('memory access out of bounds'), { name: 'RuntimeError' }),
  new RangeError('offset is out of bounds'),
];

describeOn(['cpu', 'wasm'], 'explainMemory', (engine) => {
  it.each(everywhere)('names the batch size: $message', (error) => {
    const explained = explainMemory(error, attempt);
    expect(explained).toBeInstanceOf(OutOfMemoryError);
    const { message, cause } = explained as OutOfMemoryError;
    expect(message).toMatch(/^the memory does not hold training resnet20 on 512 images at once/);
    expect(message).toContain('lower the option batchSize');
    expect(message).not.toContain('\n');
    expect(cause).toBe(error);
  });

  it.each(ofWasm)(`takes what WASM says for WASM's alone: $message`, (error) => {
    const explained = explainMemory(error, attempt);
    if (engine === 'wasm') expect(explained).toBeInstanceOf(OutOfMemoryError);
    else expect(explained).toBe(error);
  });

  it('has no batch size to lower where one image is too much', () => {
    const explained = explainMemory(everywhere[0], { work: 'evaluating big', batchSize: 1 });
    expect((explained as Error).message).toMatch(/on 1 image at once.*a smaller network/);
  });

  it('leaves every other error as it is', () => {
    const others = [
      new TypeError("Cannot read properties of undefined (reading 'shape')"),
      new RangeError('Maximum call stack size exceeded'),
      new OptionError({ option: 'rate', problem: 'leaves no room: OOM' }),
      'out of memory',
    ];
    for (const error of others) expect(explainMemory(error, attempt)).toBe(error);
  });
});

describeOn(['cpu'], 'memory that JavaScript does not have', () => {
  it('is recognised by what V8 really throws', () => {
    for (const values of [2 ** 33, 2 ** 53 - 1]) {
      const ask = (): tf.Tensor => tf.zeros([values]);
      expect(ask).toThrow(RangeError);
      try {
        ask();
      } catch (error) {
        expect(explainMemory(error, attempt)).toBeInstanceOf(OutOfMemoryError);
      }
    }
  });
});
