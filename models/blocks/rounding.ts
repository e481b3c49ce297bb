/** Turns a width that a multiplier made fractional into a count of channels. */
export type Rounding = (width: number) => number;

/** The nearest whole number, at least 1. */
export const nearest: Rounding = (width) => Math.max(1, Math.round(width));

/**
 * The nearest multiple of eight, at least 8, and never below 90 % of the width.
 *
 * Source: the MobileNet reference code; MobileNetV2 and EfficientNet round like this.
 */
export const divisible: Rounding = (width) => {
  const rounded = Math.max(8, Math.floor((width + 4) / 8) * 8);
  return rounded < 0.9 * width ? rounded + 8 : rounded;
};

/** Rounded down, at least 8: MobileNetV1. */
export const truncated: Rounding = (width) => Math.max(8, Math.trunc(width));
