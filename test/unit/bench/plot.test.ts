import { describe, expect, it } from 'vitest';
import { svgOf } from '../../../scripts/bench/plot.ts';

const plot = {
  title: 'Rates',
  x: 'records',
  y: 'records/s',
  points: [
    { x: 0, y: 0 },
    { x: 50, y: 100 },
    { x: 25, y: 50 },
  ],
};

describe('a plot', () => {
  it('has zero at the lower left, the most at the upper right, and the points in their order', () => {
    expect(svgOf(plot)).toContain('points="80.0,310.0 700.0,40.0 390.0,175.0"');
  });

  it('writes what it is given as text, never as markup', () => {
    const text = svgOf({ ...plot, title: '<a> & b' });
    expect(text).toContain('>&#60;a&#62; &#38; b</text>');
    expect(text).not.toContain('<a>');
  });

  it('is drawn of a flat zero too', () => {
    expect(svgOf({ ...plot, points: [{ x: 0, y: 0 }] })).not.toMatch(/NaN|Infinity/);
  });
});
