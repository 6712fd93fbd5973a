export interface NoiseThresholds {
  readonly minSamples: number;
  readonly relative: number;
  readonly absolute: number;
}

/** Rates of one place, each as a part of the answers of its kind. */
export interface PathRates {
  readonly raw: number;
  readonly noise: number;
  readonly noisy: boolean;
}

interface Counts {
  raw: number;
  noise: number;
}

/** More places are not tracked: what is not tracked is never noise. */
const MAX_PATHS = 256;
/** When a side has this many samples, every count is halved: what a service did last month fades. */
const FADE_AT = 20_000;

/**
 * What differs at one route between primary and region (raw) and between two answers of the primary (noise), by place. A place is noise when
 * the primary disagrees with itself there about as often as the region does with it.
 */
export class RouteNoise {
  readonly #thresholds: NoiseThresholds;
  readonly #paths = new Map<string, Counts>();
  #rawSamples = 0;
  #noiseSamples = 0;

  constructor(thresholds: NoiseThresholds) {
    this.#thresholds = thresholds;
  }

  get samples(): { readonly raw: number; readonly noise: number } {
    return { raw: this.#rawSamples, noise: this.#noiseSamples };
  }

  /** One comparison of primary and region, with the places that differed in the end: what a second look healed is no difference. */
  compared(paths: Iterable<string>): void {
    this.#rawSamples += 1;
    for (const counts of this.#at(paths)) counts.raw += 1;
    if (this.#rawSamples >= FADE_AT) this.#fade('raw');
  }

  /** One comparison of the primary with itself, of a request that was picked before either answer was known: else the sample would be of differences only. */
  probed(paths: Iterable<string>): void {
    this.#noiseSamples += 1;
    for (const counts of this.#at(paths)) counts.noise += 1;
    if (this.#noiseSamples >= FADE_AT) this.#fade('noise');
  }

  rates(path: string): PathRates {
    const counts = this.#paths.get(path) ?? { raw: 0, noise: 0 };
    const raw = this.#rawSamples === 0 ? 0 : counts.raw / this.#rawSamples;
    const noise = this.#noiseSamples === 0 ? 0 : counts.noise / this.#noiseSamples;
    return { raw, noise, noisy: this.#isNoisy(raw, noise) };
  }

  /** `unknown`: the primary disagreed with itself there, in too few answers to say how often. */
  standing(path: string): 'real' | 'noise' | 'unknown' {
    const { noise, noisy } = this.rates(path);
    if (noisy) return 'noise';
    return noise > 0 && this.#noiseSamples < this.#thresholds.minSamples ? 'unknown' : 'real';
  }

  /** With no raw samples nothing can be clearly above: a place that the primary itself disagrees on is noise then. */
  #isNoisy(raw: number, noise: number): boolean {
    const { minSamples, relative, absolute } = this.#thresholds;
    if (noise === 0 || this.#noiseSamples < minSamples) return false;
    const clearlyAbove = raw > noise && (raw - noise) / (raw + noise) > relative && raw - noise > absolute;
    return !clearlyAbove;
  }

  #at(paths: Iterable<string>): readonly Counts[] {
    return [...new Set(paths)].flatMap((path) => {
      const known = this.#paths.get(path);
      if (known !== undefined) return [known];
      if (this.#paths.size >= MAX_PATHS) return [];
      const made: Counts = { raw: 0, noise: 0 };
      this.#paths.set(path, made);
      return [made];
    });
  }

  #fade(kind: keyof Counts): void {
    if (kind === 'raw') this.#rawSamples /= 2;
    else this.#noiseSamples /= 2;
    for (const [path, counts] of this.#paths) {
      counts[kind] = counts[kind] < 1 ? 0 : counts[kind] / 2;
      if (counts.raw === 0 && counts.noise === 0) this.#paths.delete(path);
    }
  }
}
