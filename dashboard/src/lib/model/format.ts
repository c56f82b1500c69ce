/**
 * Numbers and times as people read them. Owns: every format of the dashboard. Does not own: any word around them.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `340 ms`, `2.4 s`, `1 m 05 s`, `2 h 10 m`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const rounded = seconds * 1000;
  if (rounded < HOUR) return `${Math.floor(rounded / MINUTE)} m ${two(Math.floor((rounded % MINUTE) / 1000))} s`;
  if (rounded < DAY) return `${Math.floor(rounded / HOUR)} h ${two(Math.floor((rounded % HOUR) / MINUTE))} m`;
  return `${Math.floor(rounded / DAY)} d ${Math.floor((rounded % DAY) / HOUR)} h`;
}

/** What is left of something that is waited for: `3:12`, `0:07`, `1:00:00`. A second that has begun counts whole. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const last = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${last}` : `${minutes}:${last}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function ago(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (ms < 2000) return 'now';
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false },
});
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hour12: false });

/** What a date can be, by the language (ECMA-262, 21.4.1.1). */
const DATE_MAX_MS = 8.64e15;

/** `14:03:12.031` */
export function clock(atMs: number): string {
  return Math.abs(atMs) <= DATE_MAX_MS ? clockFormat.format(atMs) : '–';
}

export function dateTime(atMs: number): string {
  return Math.abs(atMs) <= DATE_MAX_MS ? dateFormat.format(atMs) : '–';
}

/** `94 %`; never 100 % for less, nor 0 % for more. */
export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1 %';
  if (share < 1 && share > 0.99) return '>99 %';
  return `${Math.round(share * 100)} %`;
}

/** `12,400`; what no counter reaches, by its power of ten. */
export function count(value: number): string {
  return Math.abs(value) < 1e15 ? value.toLocaleString('en') : value.toPrecision(3);
}

/** `640`, `1.8k`, `2.4M`. */
export function short(value: number): string {
  if (value < 1000) return String(value);
  if (value < 999_500) return `${(value / 1000).toFixed(value < 9950 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** What tokens cost, by the price of a million of each. */
export function moneyOf(
  tokens: { readonly input: number; readonly output: number },
  price: { readonly input: number; readonly output: number },
): number {
  return (tokens.input * price.input + tokens.output * price.output) / 1e6;
}

/** Two digits that count, however little it is: `12.40`, `0.0031`, `0`. */
export function money(value: number): string {
  if (value === 0) return '0';
  if (value >= 0.1) return value.toFixed(2);
  return value < 0.000001 ? '<0.000001' : value.toFixed(Math.min(7, 1 - Math.floor(Math.log10(value))));
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  return value < 1_048_576 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1_048_576).toFixed(1)} MiB`;
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}
