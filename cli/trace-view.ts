/**
 * A trace as a waterfall in the terminal. Owns: putting spans in a tree, folding what says nothing alone, and the lines.
 * Does not own: reading spans (`commands/trace.ts`), or what they mean to a collector.
 *
 * Nothing is left out silently: what is folded is counted, and a span without its parent is shown at the root, marked.
 */
import { attribute, spanNamed } from '../telemetry/spans.ts';
import type { TracedSpan } from '../telemetry/trace-reader.ts';
import { duration, oneLine, type Paint, plural, type Style } from './terminal.ts';

export interface TraceNode {
  readonly span: TracedSpan;
  readonly children: readonly TraceNode[];
  /** Its parent was not told of: it is still open, or was lost. */
  readonly isOrphan: boolean;
}

/** By parent; spans whose parent was not told of are roots as well. */
function treeOf(spans: readonly TracedSpan[]): TraceNode[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
  const build = (span: TracedSpan): TraceNode => ({
    span,
    children: sorted(children.get(span.spanId) ?? []).map(build),
    isOrphan: span.parentSpanId !== '' && !ids.has(span.parentSpanId),
  });
  return sorted(spans.filter(({ parentSpanId }) => parentSpanId === '' || !ids.has(parentSpanId))).map(build);
}

function sorted(spans: readonly TracedSpan[]): TracedSpan[] {
  return spans.toSorted((one, other) => one.startMs - other.startMs || one.endMs - other.endMs);
}

/** Spans of the messages between actors: folded, unless all is wanted. */
const PASSING: ReadonlySet<string> = new Set([spanNamed.message, spanNamed.step, spanNamed.publish]);
/** Nothing happened for as long as this, and a line says so. */
const GAP_MS = 1000;
const BAR_MIN = 12;
const BAR_MAX = 40;

export interface TraceLook {
  readonly width: number;
  readonly paint: Paint;
  /** Also the messages between actors. */
  readonly all: boolean;
}

interface Line {
  readonly label: string;
  readonly span: TracedSpan | null;
  readonly note: string;
}

export function traceLines(spans: readonly TracedSpan[], look: TraceLook): string[] {
  const { paint, width } = look;
  const roots = treeOf(spans);
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const endMs = Math.max(...spans.map((span) => span.endMs));
  const lines = roots.flatMap((node) => linesOf(node, '', look));
  const labels = Math.max(...lines.map(({ label }) => [...label].length));
  const bar = Math.max(BAR_MIN, Math.min(BAR_MAX, width - labels - 30));
  const shown = lines.map(({ label, span, note }) => {
    if (span === null) return `${paint('dim', `${label.padEnd(labels)}  ${' '.repeat(bar)}  ${note}`)}`;
    const time = duration(span.endMs - span.startMs).padStart(8);
    const drawn = barOf(span, startMs, endMs, bar);
    return `${label.padEnd(labels)}  ${paint(styleOf(span), drawn)} ${time}  ${oneLine(note, Math.max(20, width - labels - bar - 14))}`;
  });
  return [...summary(spans, roots, startMs, endMs, paint), ...shown];
}

function linesOf(node: TraceNode, indent: string, look: TraceLook): Line[] {
  const { span } = node;
  const mark = node.isOrphan && span.name !== spanNamed.task ? '? ' : '';
  const own: Line = { label: `${indent}${mark}${span.name}`, span, note: noteOf(span) };
  const isPassing = (child: TraceNode): boolean => !look.all && PASSING.has(child.span.name);
  const folded = node.children.filter(isPassing);
  const kept = [...node.children.filter((child) => !isPassing(child)), ...folded.flatMap(withoutPassing)].toSorted(
    (one, other) => one.span.startMs - other.span.startMs,
  );
  const deeper = `${indent}  `;
  const lines = kept.flatMap((child, at) => {
    const before = at === 0 ? span.startMs : Math.max(...kept.slice(0, at).map((one) => one.span.endMs));
    const gapMs = child.span.startMs - before;
    const gap: Line[] =
      gapMs < GAP_MS ? [] : [{ label: `${deeper}⋯`, span: null, note: `nothing for ${duration(gapMs)}` }];
    return [...gap, ...linesOf(child, deeper, look)];
  });
  const count = folded.length;
  const fold: Line[] = count === 0 ? [] : [{ label: `${deeper}·`, span: null, note: plural(count, 'message') }];
  return [own, ...lines, ...fold];
}

/** What is inside of a message is shown although the message is folded. */
function withoutPassing(node: TraceNode): TraceNode[] {
  return node.children.flatMap((child) => (PASSING.has(child.span.name) ? withoutPassing(child) : [child]));
}

function barOf(span: TracedSpan, startMs: number, endMs: number, width: number): string {
  const all = Math.max(1, endMs - startMs);
  const from = Math.min(width - 1, Math.floor(((span.startMs - startMs) / all) * width));
  const to = Math.max(from + 1, Math.ceil(((span.endMs - startMs) / all) * width));
  const fill = isCutOff(span) || isStandstill(span) ? '╳' : '━';
  return `${' '.repeat(from)}${fill.repeat(Math.min(width, to) - from)}`.padEnd(width);
}

function isCutOff({ attributes }: TracedSpan): boolean {
  return attributes[attribute.outcome] === 'cut_off';
}

/** A task that waited for its host to be there again. */
function isStandstill({ name, attributes }: TracedSpan): boolean {
  return name === spanNamed.replay && attributes[attribute.cutOffReason] !== undefined;
}

function styleOf(span: TracedSpan): Style {
  if (isCutOff(span) || isStandstill(span)) return 'red';
  if (span.failure !== null) return 'yellow';
  return span.name === spanNamed.task || span.name === spanNamed.hop ? 'blue' : 'green';
}

const CAUSES: Readonly<Record<string, string>> = {
  ...{ person: 'again because a person wants it', fork: 'a fork', retry: 'again after a failure' },
};

function noteOf(span: TracedSpan): string {
  const said = (key: string): string | null => {
    const value = span.attributes[key];
    return value === undefined || value === '' ? null : String(value);
  };
  if (isStandstill(span)) return `stood still: ${said(attribute.cutOffReason)}`;
  const attempt = Number(span.attributes[attribute.attempt] ?? 1);
  const cause = said(attribute.linkCause);
  const lostMs = span.attributes[attribute.lostMs];
  const lost = typeof lostMs === 'number' ? `, ${duration(lostMs)} lost` : '';
  const parts = [
    span.name === spanNamed.hop ? said(attribute.role) : null,
    span.name === spanNamed.task ? said(attribute.workflow) : null,
    said(attribute.taskStatus),
    said(attribute.toolName) ?? said(attribute.responseModel),
    span.name === spanNamed.message
      ? `${said(attribute.sender)} → ${said(attribute.recipient)} ${said(attribute.eventType)}`
      : null,
    attempt > 1 ? `attempt ${attempt}` : null,
    cause === null ? null : `${CAUSES[cause] ?? `after a ${cause}`}${lost}`,
    isCutOff(span) ? `cut off: ${said(attribute.cutOffReason) ?? 'its process ended'}` : span.failure,
  ];
  return parts.filter((part) => part !== null).join(' · ');
}

function summary(
  spans: readonly TracedSpan[],
  roots: readonly TraceNode[],
  startMs: number,
  endMs: number,
  paint: Paint,
): string[] {
  // A tool call or a generation was cut off with the attempt that it is inside of.
  const cut = spans.filter((span) => isCutOff(span) && span.attributes[attribute.effect] !== undefined).length;
  const still = spans.filter(isStandstill).length;
  const lost = duration(lostIn(spans));
  const retried = spans.filter(({ attributes }) => attributes[attribute.linkCause] === 'retry').length;
  const orphans = roots.filter(({ isOrphan, span }) => isOrphan && span.name !== spanNamed.task).length;
  const told = [
    `${plural(spans.length, 'span')} of ${plural(new Set(spans.map(({ service }) => service)).size, 'service')}`,
    duration(endMs - startMs),
    ...(retried > 0 ? [plural(retried, 'retry', 'retries')] : []),
    ...(cut > 0 ? [paint('red', `${plural(cut, 'attempt')} cut off by a crash, ${lost} lost`)] : []),
    ...(cut === 0 && still > 0 ? [paint('red', `stood still ${times(still)} after a crash, ${lost} lost`)] : []),
    ...(orphans > 0 ? [paint('yellow', `${plural(orphans, 'span')} whose parent is still open or was not told`)] : []),
  ];
  return [`${paint('dim', 'trace')} ${spans[0]?.traceId ?? ''}  ${told.join(' · ')}`, ''];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** What crashes cost, milliseconds: a standstill and the attempts that waited for its end are the same time. */
function lostIn(spans: readonly TracedSpan[]): number {
  const losses = spans
    .map((span) => ({ span, ms: Number(span.attributes[attribute.lostMs] ?? 0) }))
    .filter(({ ms }) => ms > 0)
    .map(({ span, ms }) => (isStandstill(span) ? [span.startMs, span.endMs] : [span.startMs - ms, span.startMs]))
    .toSorted(([one = 0], [other = 0]) => one - other);
  let [sum, until] = [0, Number.NEGATIVE_INFINITY];
  for (const [from = 0, to = 0] of losses) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}
