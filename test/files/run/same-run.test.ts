import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../../config/failure';
import type { JsonObject } from '../../../files';
import { requireSameRun, ResumeMismatchError } from '../../../files/run/same-run';

const ours = { format: 1, config: { rate: 0.3, only: ['conv*'] }, data: 'a1', teacher: 'b2' };

function refusal(theirs: JsonObject): string {
  try {
    requireSameRun(ours, theirs);
  } catch (error) {
    expect(error).toBeInstanceOf(ResumeMismatchError);
    return describeFailure(error).text;
  }
  throw new Error('taken for the same run');
}

describe('requireSameRun', () => {
  it('takes a run for itself, whatever the order of its keys', () => {
    const { data, ...others } = ours;
    expect(() => {
      requireSameRun(ours, { data, ...others });
    }).not.toThrow();
  });

  it('names each option that differs, and no other', () => {
    expect(refusal({ ...ours, config: { rate: 0.4, only: ['conv*'], epochs: 3 } })).toBe(
      'the run was begun otherwise: --rate was 0.4, is 0.3; --epochs was 3, is left to its default',
    );
  });

  it('says in words which content differs', () => {
    expect(refusal({ ...ours, data: 'c3', teacher: 'd4' })).toBe(
      'the run was begun otherwise: the images are others (--dataset); the network of --teacher is another',
    );
  });

  it('says what only one of them has', () => {
    const { format, config, data } = ours;
    expect(refusal({ format, config, data })).toContain(
      '--teacher was left to its default, is given',
    );
  });
});
