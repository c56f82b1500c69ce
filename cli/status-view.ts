/**
 * What `mesh status` shows. Owns: putting together what runs on this machine and what services say of themselves, the
 * columns that fit the window, and the words for trouble. Does not own: asking anybody (`commands/status.ts`).
 */
import { SKEW_TOLD_MS } from '../bus/broker-clock.ts';
import type { Heartbeat } from '../registry/registry.ts';
import type { ServiceRecord } from './supervisor/run-state.ts';
import { duration, oneLine, type Paint, plural, type Style, table, width as visibleWidth } from './terminal.ts';

/** A beat is missing: the service may be gone. */
const LATE_MS = 5000;
const GAP = 2;

/** A service here, elsewhere, or one that this machine runs and that has not reported. */
interface Row {
  readonly name: string;
  readonly local: ServiceRecord | null;
  readonly beat: Heartbeat | null;
}

interface Column {
  readonly title: string;
  readonly cell: (row: Row, paint: Paint, nowMs: number) => string;
  /** In a window that is too narrow the highest goes first; 0 always stays. */
  readonly rank: number;
}

const stateStyles: Readonly<Record<string, Style>> = {
  starting: 'blue',
  ready: 'green',
  waiting: 'yellow',
  saturated: 'yellow',
  silent: 'yellow',
  failed: 'red',
  stopped: 'gray',
};

function stateOf({ local, beat }: Row): string {
  if (local !== null && local.state !== 'ready') return local.state;
  if (beat === null) return local?.state ?? 'silent';
  if (beat.ageMs > LATE_MS) return 'silent';
  if (beat.saturated != null) return 'saturated';
  return local?.state ?? beat.state ?? 'ready';
}

function memory({ beat }: Row): string {
  const used = beat?.memoryMb ?? beat?.capacity?.memoryMb;
  const limit = beat?.capacity?.memoryLimitMb;
  if (used == null) return '';
  return limit === undefined ? `${used} MiB` : `${used} of ${limit} MiB`;
}

function since({ local, beat }: Row, nowMs: number): string {
  const start = local === null ? beat?.startedAt : local.startedAt;
  if (start == null) return '';
  const ms = nowMs - (typeof start === 'number' ? start : Date.parse(start));
  return Number.isFinite(ms) ? duration(ms) : '';
}

const number = (value: number | null | undefined): string => (value == null ? '' : String(value));

const columns: readonly Column[] = [
  {
    title: 'service',
    cell: (row, paint) => `${paint(stateStyles[stateOf(row)] ?? 'green', '●')} ${row.name}`,
    rank: 0,
  },
  { title: 'state', cell: (row, paint) => paint(stateStyles[stateOf(row)] ?? 'green', stateOf(row)), rank: 0 },
  { title: 'process', cell: ({ local, beat }) => number(local?.process?.pid ?? beat?.pid), rank: 6 },
  { title: 'up for', cell: (row, _paint, nowMs) => since(row, nowMs), rank: 4 },
  { title: 'memory', cell: memory, rank: 0 },
  { title: 'threads', cell: ({ beat }) => number(beat?.capacity?.threads), rank: 3 },
  { title: 'queue', cell: ({ beat }) => number(beat?.capacity?.queueDepth ?? beat?.pendingEffects), rank: 1 },
  { title: 'behind', cell: ({ beat }) => number(beat?.cursorLag), rank: 2 },
  { title: 'free', cell: ({ beat }) => number(beat?.capacity?.freeSlots), rank: 7 },
  { title: 'actors', cell: ({ beat }) => number(beat?.instances), rank: 8 },
  { title: 'tokens/s', cell: ({ beat }) => number(beat?.capacity?.tokensPerSecond), rank: 5 },
  { title: 'restarts', cell: ({ local }) => (local?.restarts ? String(local.restarts) : ''), rank: 0 },
];

function rowsOf(local: readonly ServiceRecord[], beats: readonly Heartbeat[]): Row[] {
  const left = new Set(beats);
  const rows: Row[] = local.map((record) => {
    const beat = beats.find((one) => one.service === record.name && one.pid === record.process?.pid) ?? null;
    if (beat !== null) left.delete(beat);
    return { name: record.name, local: record, beat };
  });
  for (const beat of left) {
    const ended = local.some((record) => record.name === beat.service && record.process?.pid !== beat.pid);
    // The entry of a process that this machine has started anew: it speaks of nobody any more.
    if (!ended) rows.push({ name: `${beat.service} on ${beat.host}`, local: null, beat });
  }
  return rows;
}

/** @param width columns of the window */
export function statusLines(
  local: readonly ServiceRecord[],
  beats: readonly Heartbeat[],
  look: { readonly width: number; readonly paint: Paint; readonly nowMs: number },
): string[] {
  const { width, paint, nowMs } = look;
  const rows = rowsOf(local, beats);
  if (rows.length === 0) return ['No service has reported yet.'];
  const lines = (shown: readonly Column[]): string[] => {
    const title = shown.map((column, index) => paint('dim', index === 0 ? `  ${column.title}` : column.title));
    return table([title, ...rows.map((row) => shown.map(({ cell }) => cell(row, paint, nowMs)))], GAP);
  };
  let shown = columns.filter(({ cell }) => rows.some((row) => cell(row, paint, nowMs) !== ''));
  while (widest(lines(shown)) > width && shown.some(({ rank }) => rank > 0)) {
    const last = Math.max(...shown.map(({ rank }) => rank));
    shown = shown.filter(({ rank }) => rank !== last);
  }
  return [...lines(shown), ...trouble(rows, width, paint, nowMs), ...offers(rows, width, paint)];
}

function widest(lines: readonly string[]): number {
  return Math.max(...lines.map(visibleWidth));
}

/** What does not work, a line each. */
function trouble(rows: readonly Row[], width: number, paint: Paint, nowMs: number): string[] {
  const lines = rows.flatMap((row) => {
    const { name, local, beat } = row;
    const open = (beat?.breakers ?? []).filter(({ state }) => state !== 'closed');
    return [
      ...(local?.problem == null ? [] : [`${name} ${local.problem}`]),
      ...(beat !== null && beat.ageMs > LATE_MS ? [`${name} has been silent for ${duration(beat.ageMs)}`] : []),
      ...clockTrouble(name, beat),
      ...(beat?.saturated == null ? [] : [`${name} takes new work late: ${beat.saturated}`]),
      ...open.map(({ name: breaker, openedAt, reason, failures }) => {
        const age = openedAt === null ? '' : ` for ${duration(nowMs - Date.parse(openedAt))}`;
        return `${name}: ${breaker} is left alone${age} after ${plural(failures, 'failure')}: ${reason ?? 'unknown'}`;
      }),
      ...(beat?.problems ?? []).map((problem) => `${name}: ${problem}`),
    ];
  });
  return lines.map((line) => `${paint('yellow', '!')} ${oneLine(line, width - GAP)}`);
}

function clockTrouble(name: string, beat: Heartbeat | null): string[] {
  const skewMs = beat?.clockSkewMs ?? 0;
  return Math.abs(skewMs) < SKEW_TOLD_MS ? [] : [`${name}: ${skewText(skewMs)}`];
}

/** What a clock that is off means, and what to do. */
export function skewText(skewMs: number): string {
  const side = skewMs > 0 ? 'ahead of' : 'behind';
  return `the clock is ${duration(Math.abs(skewMs))} ${side} the log server's; tasks are not affected, times shown are: set both by NTP`;
}

/** Roles and capability tags, cut to the window; `--json` has them whole. */
function offers(rows: readonly Row[], width: number, paint: Paint): string[] {
  const told = rows.filter(({ beat }) => beat !== null);
  const names = table(told.map(({ name }) => [name, '']));
  return told.flatMap(({ beat }, index) => {
    const name = (names[index] ?? '').padEnd(Math.max(...names.map((text) => text.length)));
    const tags = beat?.capabilities ?? [];
    const text = [...(beat?.roles ?? []).map((role) => `role:${role}`), ...tags].join(' ');
    return [`  ${name}  ${paint('dim', oneLine(text, width - name.length - 2 * GAP))}`];
  });
}
