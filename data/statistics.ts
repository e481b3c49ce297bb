import type { ImageSet } from './data-set';

/**
 * Mean and (population) standard deviation of each channel, in [0, 1] pixel units: what a new data
 * set's entry needs.
 *
 * Command: `npx ts-node -T -e "const d = require('./data'); d.loadDataSet('mnist', { seed: 0,
 * validationFraction: 0 }).then((set) => console.log(d.channelStatistics(set.train)))"`
 */
export function channelStatistics({ pixels, channels }: ImageSet): {
  mean: number[];
  deviation: number[];
} {
  const histograms = Array.from({ length: channels }, () => new Float64Array(256));
  for (let value = 0; value < pixels.length; value++) {
    histograms[value % channels]![pixels[value]!]!++;
  }
  const moments = histograms.map(momentsOf);
  return {
    mean: moments.map(({ mean }) => mean),
    deviation: moments.map(({ variance }) => Math.sqrt(variance)),
  };
}

function momentsOf(histogram: Float64Array): { mean: number; variance: number } {
  const count = histogram.reduce((sum, times) => sum + times, 0);
  const mean = histogram.reduce((sum, times, value) => sum + (times * value) / 255, 0) / count;
  const squares = histogram.reduce(
    (sum, times, value) => sum + times * (value / 255 - mean) ** 2,
    0,
  );
  return { mean, variance: squares / count };
}
