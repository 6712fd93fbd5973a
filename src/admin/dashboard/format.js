// Figures as text. Unknown is not zero: null and undefined become a word.
import { h } from './dom.js';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const UNKNOWN = 'unknown';
const isUnknown = (value) => value === null || value === undefined;

export const count = (value) => (isUnknown(value) ? UNKNOWN : whole.format(typeof value === 'string' ? BigInt(value) : value));
export const short = (value) =>
  isUnknown(value) ? UNKNOWN : Number(value) < 10_000 ? whole.format(Number(value)) : compact.format(Number(value));
export const rate = (value) => (isUnknown(value) ? UNKNOWN : value > 0 && value < 10 ? tenth.format(value) : short(value));
/** Near 0 and near 1 a little counts: neither becomes what it is not. */
export function percent(value) {
  if (isUnknown(value)) return UNKNOWN;
  const isNear = (value > 0 && value < 0.01) || (value > 0.99 && value < 1);
  return `${isNear ? (Math.floor(value * 10_000) / 100).toFixed(2) : whole.format(value * 100)} %`;
}

/** `0.4 s`, `12 s`, `3 min`, `2 h`, `5 d`. */
export function seconds(value) {
  if (isUnknown(value)) return UNKNOWN;
  if (value < 10) return `${tenth.format(value)} s`;
  if (value < 120) return `${whole.format(value)} s`;
  if (value < 7_200) return `${whole.format(value / 60)} min`;
  if (value < 172_800) return `${whole.format(value / 3_600)} h`;
  return `${whole.format(value / 86_400)} d`;
}

export const ago = (iso, nowMs) => (isUnknown(iso) ? UNKNOWN : `${seconds(Math.max(0, (nowMs - Date.parse(iso)) / 1_000))} ago`);

export function clock(iso) {
  if (isUnknown(iso)) return UNKNOWN;
  const at = new Date(iso);
  const time = at.toLocaleTimeString('en-GB');
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString('en-CA')} ${time}`;
}

/** `database_unreachable` → `database unreachable`. */
export const words = (name) => String(name).replaceAll('_', ' ');
export const plural = (value, noun) => `${count(value)} ${noun}${Number(value) === 1 ? '' : 's'}`;

/** A moment as people read it, and exactly for machines and on hover. */
export const when = (iso, nowMs) =>
  isUnknown(iso) ? h('span.unknown', UNKNOWN) : h('time', { datetime: iso, title: iso }, ago(iso, nowMs));

/** A figure, or the word unknown in the look of unknown. */
export const figure = (value, format) => (isUnknown(value) ? h('span.unknown', UNKNOWN) : h('span.figure', format(value)));
