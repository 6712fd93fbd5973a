// Lag and rate over time. What was not known is a gap, never a zero.

import { h } from './dom.js';
import { figure } from './format.js';
import uPlot from './uplot.js';

const HEIGHT = 190;
const SPAN_S = 3_600;
const drawn = new Map();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const [key, { plot }] of drawn) {
    plot.destroy();
    drawn.delete(key);
  }
});

/** The place of a chart, with the newest values in words beside the lines. */
export function chartPlace({ key, title, series, format }, samples) {
  const newest = samples.at(-1);
  return h(
    'figure.chart',
    { 'data-key': `figure-${key}` },
    h(
      'figcaption',
      h('span.chart-title', title),
      h(
        'span.legend',
        series.map(({ label, look, value }) =>
          h(
            'span',
            { class: look },
            h('span.swatch', { 'aria-hidden': 'true' }),
            label,
            ' ',
            newest === undefined ? h('span.unknown', 'unknown') : figure(value(newest), format),
          ),
        ),
      ),
    ),
    h('div.plot', { 'data-keep': key, role: 'img', 'aria-label': `${title} over the last hour` }),
  );
}

/** Draws into the place, or sets what is new. */
export function drawChart(root, { key, series, axis }, samples) {
  const place = root.querySelector(`[data-keep="${key}"]`);
  if (place === null || place.clientWidth === 0) return;
  const shown = samples.filter(({ atMs }) => atMs > Date.now() - SPAN_S * 1_000);
  const data = [shown.map(({ atMs }) => atMs / 1_000), ...series.map(({ value }) => shown.map((sample) => value(sample)))];
  const before = drawn.get(key);
  if (before?.place === place) {
    if (before.plot.width !== place.clientWidth) before.plot.setSize({ width: place.clientWidth, height: HEIGHT });
    before.plot.setData(data);
    return;
  }
  before?.plot.destroy();
  drawn.set(key, { place, plot: new uPlot(options(place, series, axis), data, place) });
}

function options(place, series, axis) {
  // A custom property is only text; the colour it stands for, light or dark, is that of an element that uses it.
  const colour = (name) => {
    place.style.color = `var(${name})`;
    return getComputedStyle(place).color;
  };
  const line = {
    stroke: colour('--chart-text'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--chart-grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(most === null ? 0 : most * 1.15, axis.least)] } },
    axes: [
      {
        ...line,
        space: 70,
        size: 30,
        values: (_plot, ticks) =>
          ticks.map((at) =>
            new Date(at * 1_000).toLocaleTimeString('en-GB', {
              hour: '2-digit',
              minute: '2-digit',
              ...(ticks.length > 1 && ticks[1] - ticks[0] < 60 ? { second: '2-digit' } : {}),
            }),
          ),
      },
      { ...line, size: 58, values: (_plot, ticks) => ticks.map(axis.format) },
    ],
    series: [
      {},
      ...series.map(({ look, fill }) => ({
        stroke: colour(`--series-${look}`),
        width: 2,
        points: { show: false },
        spanGaps: false,
        ...(fill ? { fill: colour(`--series-${look}-fill`) } : {}),
      })),
    ],
  };
}
