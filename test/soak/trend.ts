/** One measurement, `seconds` after the start. */
export interface Point {
  readonly seconds: number;
  readonly value: number;
}

export interface Trend {
  readonly median: number;
  /** Median of the slopes between all pairs of points: one peak, or a hundred, do not move it as they would a line of least squares. */
  readonly perHour: number;
  /** Lower bound of that slope, 99 %: above 0 only where the series rises beyond its own noise. */
  readonly perHourAtLeast: number;
  /** Of the whole time that was looked at. */
  readonly growth: number;
  readonly grows: boolean;
}

/** What may come and go without being a leak, over the time that is looked at. */
export interface Allowance {
  /** In the series' own unit. */
  readonly absolute: number;
  /** As a part of the median. */
  readonly share: number;
}

/** Two-sided 99 % of a normal distribution. */
const Z = 2.576;
const HOUR_SECONDS = 3_600;
const LEAST_POINTS = 10;

/** Sen's slope of what comes after the warm-up, with its confidence by Kendall's variance. Undefined where there is too little to judge. */
export function trendOf(points: readonly Point[], warmUpSeconds: number, allowance: Allowance): Trend | undefined {
  const judged = points.filter(({ seconds }) => seconds >= warmUpSeconds);
  const n = judged.length;
  if (n < LEAST_POINTS) return undefined;
  const slopes: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const [a, b] = [judged[i]!, judged[j]!];
      if (b.seconds > a.seconds) slopes.push((b.value - a.value) / (b.seconds - a.seconds));
    }
  }
  slopes.sort((a, b) => a - b);
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const lower = slopes[Math.max(0, Math.floor((slopes.length - spread) / 2))]!;
  const slope = median(slopes);
  const middle = median(judged.map(({ value }) => value).toSorted((a, b) => a - b));
  const growth = slope * (judged.at(-1)!.seconds - judged[0]!.seconds);
  const allowed = Math.max(allowance.absolute, allowance.share * middle);
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  return {
    median: rounded(middle),
    perHour: rounded(slope * HOUR_SECONDS),
    perHourAtLeast: rounded(lower * HOUR_SECONDS),
    growth: rounded(growth),
    grows: lower > 0 && growth > allowed,
  };
}

const median = (sorted: readonly number[]): number => {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};
