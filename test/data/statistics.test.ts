import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { channelStatistics, dataSets, loadDataSet } from '../../data';

describe('channelStatistics', () => {
  it('takes mean and population deviation over each channel', () => {
    const images = {
      count: 2,
      height: 1,
      width: 1,
      channels: 2,
      pixels: Uint8Array.of(0, 51, 255, 102),
      labels: Uint16Array.of(0, 0),
    };
    // channel 0: 0 and 1 -> mean 0.5, deviation 0.5; channel 1: 0.2 and 0.4 -> mean 0.3, deviation 0.1
    const { mean, deviation } = channelStatistics(images);
    expect(mean[0]).toBeCloseTo(0.5, 12);
    expect(deviation[0]).toBeCloseTo(0.5, 12);
    expect(mean[1]).toBeCloseTo(0.3, 12);
    expect(deviation[1]).toBeCloseTo(0.1, 12);
  });

  const isFashionHere = existsSync('/usr/share/datasets/fashion-mnist');
  const names = ['mnist' as const, ...(isFashionHere ? ['fashion-mnist' as const] : [])];

  it.each(names)('gives the figures in the entry of %s', async (name) => {
    const { train } = await loadDataSet(name, { seed: 0, validationFraction: 0 });
    expect(train.count).toBe(60_000);
    const { mean, deviation } = channelStatistics(train);
    expect(dataSets[name].mean[0]).toBeCloseTo(mean[0]!, 5);
    expect(dataSets[name].deviation[0]).toBeCloseTo(deviation[0]!, 5);
  });
});
