/** A learning rate for each position of a run; positions and lengths share one unit, steps or epochs. */
export type LearningRate = (position: number) => number;

interface Warmup {
  /** Learning rate after the warm-up. */
  readonly base: number;
  /** Positions in which the rate rises linearly: base * (position + 1) / warmup. Default 0. */
  readonly warmup?: number;
}

/**
 * Half a cosine from `base` to `least`.
 *
 * Formula: least + (base - least) / 2 * (1 + cos(pi * (t - warmup) / (total - warmup))).
 * Source: Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, without restarts.
 *
 * @param total positions in all.
 * @param least what it would reach at position `total`. Default 0.
 */
export function cosine({
  base,
  warmup = 0,
  total,
  least = 0,
}: Warmup & { readonly total: number; readonly least?: number }): LearningRate {
  return warmUp(base, warmup, (position) => {
    const progress = (position - warmup) / (total - warmup);
    return least + ((base - least) / 2) * (1 + Math.cos(Math.PI * progress));
  });
}

/** `base`, multiplied by `gamma` at each milestone, counted from 0. */
export function multiStep({
  base,
  warmup = 0,
  milestones,
  gamma,
}: Warmup & { readonly milestones: readonly number[]; readonly gamma: number }): LearningRate {
  return warmUp(base, warmup, (position) => {
    const passed = milestones.filter((milestone) => milestone <= position).length;
    return base * gamma ** passed;
  });
}

/** `base` throughout. */
export function constant({ base, warmup = 0 }: Warmup): LearningRate {
  return warmUp(base, warmup, () => base);
}

function warmUp(base: number, warmup: number, after: LearningRate): LearningRate {
  return (position) => (position < warmup ? (base * (position + 1)) / warmup : after(position));
}
