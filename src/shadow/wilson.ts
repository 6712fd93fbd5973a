/** Two-sided 95 %. */
const Z = 1.959_963_984_540_054;

/**
 * Lower bound of a ratio seen in a sample (Wilson score): 10 of 10 is at least 0.72, 1,000 of 1,000 at least 0.996, so that few
 * samples cannot pass for many. Undefined without any.
 */
export function wilsonLowerBound(successes: number, samples: number): number | undefined {
  if (samples <= 0) return undefined;
  const ratio = successes / samples;
  const square = Z ** 2;
  const centre = ratio + square / (2 * samples);
  const spread = Z * Math.sqrt((ratio * (1 - ratio) + square / (4 * samples)) / samples);
  // Both ends are exact on paper, and off by the last digit in doubles.
  return Math.min(ratio, Math.max(0, (centre - spread) / (1 + square / samples)));
}
