export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly Point[];
}

const WIDTH = 720;
const HEIGHT = 360;
const EDGE = { left: 80, right: 20, top: 40, bottom: 50 };

const escaped = (text: string): string => text.replace(/[<&>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const shown = (value: number): string =>
  value >= 1000 ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : String(Number(value.toPrecision(3)));

/** One line over both axes from zero, as an SVG document. */
export function svgOf({ title, x, y, points }: Plot): string {
  const most = (of: (point: Point) => number) => Math.max(...points.map(of), Number.MIN_VALUE);
  const [mostX, mostY] = [most((point) => point.x), most((point) => point.y)];
  const [width, height] = [WIDTH - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
  const at = (point: Point) =>
    `${(EDGE.left + (point.x / mostX) * width).toFixed(1)},${(EDGE.top + height - (point.y / mostY) * height).toFixed(1)}`;
  const label = (atX: number, atY: number, text: string, anchor = 'middle') =>
    `<text x="${atX}" y="${atY}" text-anchor="${anchor}" font-family="sans-serif" font-size="12">${escaped(text)}</text>`;
  const bottom = EDGE.top + height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
<path d="M${EDGE.left},${EDGE.top}V${bottom}H${EDGE.left + width}" fill="none" stroke="#444"/>
<polyline points="${points.map(at).join(' ')}" fill="none" stroke="#1668b8" stroke-width="2"/>
${label(WIDTH / 2, 22, title)}
${label(EDGE.left + width / 2, HEIGHT - 10, x)}
${label(EDGE.left, bottom + 18, '0')}${label(EDGE.left + width, bottom + 18, shown(mostX))}
${label(EDGE.left - 8, EDGE.top + 5, shown(mostY), 'end')}${label(EDGE.left - 8, bottom, y, 'end')}
</svg>
`;
}
