import { describe, expect, it } from 'vitest';
import { dataSets, usualLimits } from '../../data';

describe('usualLimits', () => {
  const { recipe } = dataSets.mnist;

  it('are those of the recipe', () => {
    const { limitTrain, limitValidation, limitTest } = recipe;
    expect(usualLimits(recipe)).toEqual({ limitTrain, limitValidation, limitTest });
  });

  it('are fewer images of fewer classes', () => {
    expect(usualLimits(recipe, { share: [3, 10] })).toEqual({
      ...{ limitTrain: 1_800, limitValidation: 300, limitTest: 0 }, // 6,000 and 1,000 * 3 / 10
    });
  });

  it('take all that another fraction holds out', () => {
    expect(usualLimits(recipe, { validationFraction: 0.2 }).limitValidation).toBe(0);
  });
});
