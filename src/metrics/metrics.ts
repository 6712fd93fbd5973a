import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { Instrument } from './instrument.ts';
import { type InstrumentName, type InstrumentOf, instruments, type LabelsOf } from './instruments.ts';

export interface MetricsSettings {
  /** Put as label `region` on every sample; undefined leaves it off, for scrapers that set it themselves. */
  readonly region: string | undefined;
  /** The process_ and nodejs_ metrics of the runtime. */
  readonly runtime: boolean;
}

/**
 * The library's statistics of event loop lag come from a timer that wakes the process every 10 ms, each second 100 of the 124 times
 * an idle daemon wakes. With a slower timer they would count its interval as lag: 100 ms would read as a stall, so they are left out.
 * `nodejs_eventloop_lag_seconds` is measured at each scrape and stays.
 */
const lagStatistics = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
const NEVER_MS = 2 ** 31 - 1;
/** Instead of the library's 100 ms: each look costs an idle daemon 0.1 ms. */
const UTILIZATION_MS = 1_000;

/** What the library takes; LabelsOf has checked it by then. */
type SampleLabels = Record<string, string | number>;

/** The instruments of one daemon, in a registry of its own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<InstrumentName, Counter<string>>();
  readonly #gauges = new Map<InstrumentName, Gauge<string>>();
  readonly #histograms = new Map<InstrumentName, Histogram<string>>();

  constructor({ region, runtime }: MetricsSettings) {
    for (const [name, instrument] of Object.entries(instruments)) this.#declare(name as InstrumentName, instrument);
    if (region !== undefined) this.#registry.setDefaultLabels({ region });
    if (runtime) this.#declareRuntime();
  }

  #declareRuntime(): void {
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: NEVER_MS,
      eventLoopUtilizationTimeout: UTILIZATION_MS,
    });
    for (const statistic of lagStatistics) this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`);
  }

  #declare(name: InstrumentName, { type, help, labels, buckets }: Instrument): void {
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
    switch (type) {
      case 'counter': {
        const counter = new Counter(options);
        for (const values of closedCombinations(labels)) counter.inc(values, 0);
        this.#counters.set(name, counter);
        break;
      }
      case 'gauge': {
        const gauge = new Gauge(options);
        // The library starts a gauge without labels at 0, which would claim a measurement.
        gauge.remove({});
        this.#gauges.set(name, gauge);
        break;
      }
      case 'histogram':
        this.#histograms.set(name, new Histogram(buckets === undefined ? options : { ...options, buckets: [...buckets] }));
        break;
    }
  }

  increase<N extends InstrumentOf<'counter'>>(name: N, labels: LabelsOf<N>, by: number | bigint = 1): void {
    if (by !== 0 && by !== 0n) this.#counters.get(name)!.inc(labels as SampleLabels, Number(by));
  }

  /** Sets a gauge; undefined and null mean that the value is not known, and take the sample away. */
  set<N extends InstrumentOf<'gauge'>>(name: N, labels: LabelsOf<N>, value: number | bigint | undefined | null): void {
    const gauge = this.#gauges.get(name)!;
    if (value === undefined || value === null) gauge.remove(labels as SampleLabels);
    else gauge.set(labels as SampleLabels, Number(value));
  }

  /** Takes every sample of a gauge away, before all of its samples are set anew. */
  clear(name: InstrumentOf<'gauge'>): void {
    const gauge = this.#gauges.get(name)!;
    gauge.reset();
    gauge.remove({});
  }

  observe<N extends InstrumentOf<'histogram'>>(name: N, labels: LabelsOf<N>, value: number): void {
    this.#histograms.get(name)!.observe(labels as SampleLabels, value);
  }

  /** All samples in Prometheus' text format. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

/** Every combination of closed label values; nothing when a label comes from the configuration. */
function closedCombinations(labels: Instrument['labels']): readonly Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (typeof values === 'string') return [];
    combinations = combinations.flatMap((known) => values.map((value) => ({ ...known, [label]: value })));
  }
  return combinations;
}
