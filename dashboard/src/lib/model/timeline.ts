/**
 * Where things stand on the timeline. Owns: the scale with idle time folded, bars, ticks, zoom. Does not own: a DOM; all
 * positions are shares of the width, 0 to 1.
 *
 * Invariants:
 * 1. Total: any spans, also none, give a layout; every position is between 0 and 1.
 * 2. The scale never turns back: a later time is never left of an earlier one.
 * 3. Everything between start and end is inside the box; zoom and folding take the place of scrolling sideways.
 */
import type { Span } from './story.ts';

/** A gap folds when it is this share of the time that stays. */
const FOLD_SHARE = 0.1;
/** Shorter gaps are told better as they are. */
const FOLD_MIN_MS = 1500;
/** What a folded gap takes of the width. */
const FOLD_WIDTH = 0.045;
/** Folded gaps together never take more than this. */
const FOLDS_WIDTH_MAX = 0.5;
const TICKS = 6;
/** The narrowest window, as a share of the whole. */
const ZOOM_MIN = 0.0005;

export interface Segment {
  readonly fromMs: number;
  readonly toMs: number;
  readonly x0: number;
  readonly x1: number;
  readonly folded: boolean;
}

export interface Scale {
  readonly segments: readonly Segment[];
  readonly startMs: number;
  readonly endMs: number;
}

/** The part of the whole width that is looked at. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export const whole: Window = { from: 0, to: 1 };

/** @param nowMs the end of what still goes on */
export function buildScale(spans: readonly Span[], startMs: number, endMs: number, fold: boolean): Scale {
  const end = Math.max(endMs, startMs + 1);
  const busy = merged(spans, startMs, end);
  const parts = split(busy, startMs, end);
  const folded = fold ? foldable(parts) : new Set<number>();
  const shownMs = sum(parts.filter((_, at) => !folded.has(at)).map(({ ms }) => ms));
  const foldWidth = folded.size === 0 ? 0 : Math.min(FOLD_WIDTH, FOLDS_WIDTH_MAX / folded.size);
  const perMs = (1 - foldWidth * folded.size) / Math.max(1, shownMs);
  let x = 0;
  const segments = parts.map(({ fromMs, ms }, at) => {
    const isFolded = folded.has(at);
    const x0 = x;
    x = at === parts.length - 1 ? 1 : Math.min(1, x + (isFolded ? foldWidth : ms * perMs));
    return { fromMs, toMs: fromMs + ms, x0, x1: x, folded: isFolded };
  });
  return { segments, startMs, endMs: end };
}

interface Part {
  readonly fromMs: number;
  readonly ms: number;
  readonly idle: boolean;
}

/** Times when something was at work, in order, without overlaps. Waiting for a person is idle. */
function merged(spans: readonly Span[], startMs: number, endMs: number): [number, number][] {
  const clip = (ms: number): number => Math.min(endMs, Math.max(startMs, ms));
  const sorted = spans
    .filter(({ kind }) => kind !== 'wait')
    .map((span): [number, number] => [clip(span.startMs), clip(span.endMs ?? endMs)])
    .sort((a, b) => a[0] - b[0]);
  const busy: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = busy.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else busy.push([from, to]);
  }
  return busy;
}

function split(busy: readonly (readonly [number, number])[], startMs: number, endMs: number): Part[] {
  const parts: Part[] = [];
  let at = startMs;
  const push = (to: number, idle: boolean): void => {
    if (to > at) parts.push({ fromMs: at, ms: to - at, idle });
    at = Math.max(at, to);
  };
  for (const [from, to] of busy) {
    push(from, true);
    push(to, false);
  }
  push(endMs, true);
  return parts.length === 0 ? [{ fromMs: startMs, ms: endMs - startMs, idle: false }] : parts;
}

/** Folding one makes the others a larger share of what stays: until nothing changes. */
function foldable(parts: readonly Part[]): Set<number> {
  const folded = new Set<number>();
  if (!parts.some(({ idle }) => !idle)) return folded;
  for (;;) {
    const stayMs = sum(parts.filter((_, at) => !folded.has(at)).map(({ ms }) => ms));
    const next = parts.findIndex(
      ({ ms, idle }, at) => idle && !folded.has(at) && ms >= FOLD_MIN_MS && ms >= FOLD_SHARE * (stayMs - ms),
    );
    if (next < 0) return folded;
    folded.add(next);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** Where a time stands, 0 to 1. */
export function xOf({ segments, startMs, endMs }: Scale, ms: number): number {
  if (ms <= startMs) return 0;
  if (ms >= endMs) return 1;
  const segment = segments[lastIndex(segments, (one) => one.fromMs <= ms)];
  if (segment === undefined) return 0;
  const { fromMs, toMs, x0, x1 } = segment;
  return x0 + ((ms - fromMs) / (toMs - fromMs)) * (x1 - x0);
}

/** Which time stands there. */
export function msOf({ segments, startMs, endMs }: Scale, x: number): number {
  if (x <= 0) return startMs;
  if (x >= 1) return endMs;
  const segment = segments[lastIndex(segments, (one) => one.x0 <= x)];
  if (segment === undefined) return startMs;
  const { fromMs, toMs, x0, x1 } = segment;
  return x1 <= x0 ? toMs : fromMs + ((x - x0) / (x1 - x0)) * (toMs - fromMs);
}

function lastIndex<T>(sorted: readonly T[], holds: (one: T) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = sorted[middle];
    if (one !== undefined && holds(one)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export interface Bar {
  readonly left: number;
  readonly width: number;
  /** Where its label has room: in it, right of it, or left of it. */
  readonly label: 'inside' | 'after' | 'before';
  /** It is outside of the window. */
  readonly hidden: boolean;
}

const LABEL_INSIDE_MIN = 0.22;
const LABEL_AFTER_MAX = 0.72;

export function barOf(scale: Scale, window: Window, span: Pick<Span, 'startMs' | 'endMs'>): Bar {
  const [from, to] = [
    inWindow(window, xOf(scale, span.startMs)),
    inWindow(window, xOf(scale, span.endMs ?? scale.endMs)),
  ];
  const left = clamp(from);
  const width = clamp(to) - left;
  const label = width >= LABEL_INSIDE_MIN ? 'inside' : left + width <= LABEL_AFTER_MAX ? 'after' : 'before';
  return { left, width, label, hidden: to < 0 || from > 1 };
}

/** Where a point stands in the window; null outside of it. */
export function pointOf(scale: Scale, window: Window, ms: number): number | null {
  const x = inWindow(window, xOf(scale, ms));
  return x < 0 || x > 1 ? null : x;
}

function inWindow({ from, to }: Window, x: number): number {
  return (x - from) / (to - from);
}

function clamp(x: number): number {
  return Math.min(1, Math.max(0, x));
}

export interface Tick {
  readonly x: number;
  /** Since the start. */
  readonly ms: number;
}

export interface Fold {
  readonly left: number;
  readonly width: number;
  readonly ms: number;
}

/** Round times in what is not folded. */
export function ticksOf(scale: Scale, window: Window, most: number = TICKS): Tick[] {
  const shown = visible(scale, window).filter(({ folded }) => !folded);
  const totalMs = sum(shown.map(({ fromMs, toMs }) => toMs - fromMs));
  const step = roundStep(totalMs / Math.max(1, most));
  const ticks: Tick[] = [];
  let lastX = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of shown) {
    const first = Math.ceil((fromMs - scale.startMs) / step) * step;
    for (let ms = first; ms <= toMs - scale.startMs && ticks.length < 4 * most; ms += step) {
      const x = inWindow(window, xOf(scale, scale.startMs + ms));
      if (x < -1e-9 || x > 1 + 1e-9 || x - lastX < 0.6 / most) continue;
      ticks.push({ x: clamp(x), ms });
      lastX = x;
    }
  }
  return ticks;
}

export function foldsOf(scale: Scale, window: Window): Fold[] {
  return visible(scale, window)
    .filter(({ folded }) => folded)
    .map(({ fromMs, toMs, x0, x1 }) => {
      const left = clamp(inWindow(window, x0));
      return { left, width: clamp(inWindow(window, x1)) - left, ms: toMs - fromMs };
    });
}

function visible({ segments }: Scale, { from, to }: Window): Segment[] {
  return segments
    .filter(({ x0, x1 }) => x1 >= from && x0 <= to)
    .map((segment) => {
      const { fromMs, toMs, x0, x1, folded } = segment;
      if (folded || x1 <= x0) return segment;
      const perX = (toMs - fromMs) / (x1 - x0);
      const [a, b] = [Math.max(x0, from), Math.min(x1, to)];
      return { folded, x0: a, x1: b, fromMs: fromMs + (a - x0) * perX, toMs: fromMs + (b - x0) * perX };
    });
}

/** 1, 2 or 5 times a power of ten, milliseconds; minutes and hours above. */
function roundStep(ms: number): number {
  const steps = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000];
  if (ms > 30_000) return steps.find((step) => step >= ms) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)));
  return Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((step) => step >= ms) ?? power);
}

/** Closer or further, around a point of the window that stays where it is. */
export function zoomed({ from, to }: Window, factor: number, around = 0.5): Window {
  const size = Math.min(1, Math.max(ZOOM_MIN, (to - from) / factor));
  const centre = from + (to - from) * around;
  const left = Math.min(1 - size, Math.max(0, centre - size * around));
  return { from: left, to: left + size };
}

/** Sideways, by a share of the window. */
export function moved({ from, to }: Window, by: number): Window {
  const size = to - from;
  const left = Math.min(1 - size, Math.max(0, from + size * by));
  return { from: left, to: left + size };
}

/** Which of many rows of one height have to be there. */
export function rowsInView(
  count: number,
  rowPx: number,
  scrollPx: number,
  heightPx: number,
  overscan = 8,
): [number, number] {
  const first = Math.min(count, Math.max(0, Math.floor(scrollPx / rowPx) - overscan));
  const last = Math.min(count, Math.ceil((scrollPx + heightPx) / rowPx) + overscan);
  return [first, Math.max(first, last)];
}
