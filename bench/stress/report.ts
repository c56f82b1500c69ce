/**
 * What a stress run shows. Owns: its form, summing up spans, and its lines for people. Does not own: a run.
 */
import type { ReceivedSpan } from '../../tests/support/span-collector.ts';
import type { EndedTask, Stage, Transition } from './stage.ts';

export interface StressRun {
  readonly service: string;
  /** One line: what is done to it. */
  readonly what: string;
  /** Settings of the services. */
  env(): Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;
  /** Drives it, calls `stage.spansSent()`, and says what happened. */
  drive(stage: Stage): Promise<Driven>;
  /** Ends what `env` began. */
  close?(): Promise<void>;
}

export interface Driven {
  readonly tasks: readonly EndedTask[];
  /** Tasks that a fallback answered. */
  readonly fallbacks: number;
  /** What the run was to show; each must be true. */
  readonly shown: Readonly<Record<string, boolean>>;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

export interface SpanSummary {
  readonly name: string;
  readonly service: string;
  readonly count: number;
  readonly failed: number;
  /** Errors by their type. */
  readonly errors: Readonly<Record<string, number>>;
  /** Refused by a breaker, by its name and state. */
  readonly breakers: Readonly<Record<string, number>>;
  readonly threads: Range;
  readonly rssMb: Range;
  readonly limitMb: Range;
  readonly queueDepth: Range;
}

export interface StressReport {
  readonly service: string;
  readonly what: string;
  readonly seconds: number;
  readonly tasks: Readonly<Record<EndedTask['status'], number>>;
  readonly fallbacks: number;
  /** Log lines that said that a cap refused work. */
  readonly overloads: number;
  /** Processes that ended by themselves. */
  readonly deaths: number;
  readonly breakers: readonly Transition[];
  readonly spans: readonly SpanSummary[];
  readonly shown: Readonly<Record<string, boolean>>;
  readonly ok: boolean;
}

function range(spans: readonly ReceivedSpan[], key: string): Range {
  const values = spans.map(({ attributes }) => attributes[key]).filter((value) => typeof value === 'number');
  return values.length === 0 ? { min: 0, max: 0 } : { min: Math.min(...values), max: Math.max(...values) };
}

function countBy(
  spans: readonly ReceivedSpan[],
  nameOf: (span: ReceivedSpan) => string | null,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const span of spans) {
    const name = nameOf(span);
    if (name !== null) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function summary(name: string, spans: readonly ReceivedSpan[]): SpanSummary {
  return {
    name,
    service: spans[0]?.service ?? '',
    count: spans.length,
    failed: spans.filter(({ failed }) => failed).length,
    errors: countBy(spans, ({ attributes }) =>
      attributes['error.type'] === undefined ? null : String(attributes['error.type']),
    ),
    breakers: countBy(spans, ({ attributes }) =>
      attributes['mesh.breaker.name'] === undefined
        ? null
        : `${attributes['mesh.breaker.name']} ${attributes['mesh.breaker.state']}`,
    ),
    threads: range(spans, 'process.threads'),
    rssMb: range(spans, 'process.memory.rss_mb'),
    limitMb: range(spans, 'process.memory.limit_mb'),
    queueDepth: range(spans, 'mesh.queue.depth'),
  };
}

export function reportOf(run: Pick<StressRun, 'service' | 'what'>, stage: Stage, driven: Driven): StressReport {
  const { spans } = stage.collector;
  const names = [...new Set(spans.map(({ name }) => name))].sort();
  const tasks = { completed: 0, failed: 0, cancelled: 0, hangs: 0 };
  for (const { status } of driven.tasks) tasks[status] += 1;
  const shown = { ...driven.shown, 'nothing hangs': tasks.hangs === 0, 'no process died': stage.deaths === 0 };
  return {
    ...{ service: run.service, what: run.what, seconds: stage.elapsedS, tasks, fallbacks: driven.fallbacks },
    overloads: stage.logged('overloaded: effects are refused').length,
    deaths: stage.deaths,
    breakers: stage.transitions(),
    spans: names.map((name) =>
      summary(
        name,
        spans.filter((span) => span.name === name),
      ),
    ),
    shown,
    ok: Object.values(shown).every(Boolean),
  };
}

const between = ({ min, max }: Range): string => (min === max ? String(min) : `${min}–${max}`);
const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

export function reportLines(report: StressReport): string[] {
  const { tasks } = report;
  return [
    `${report.service}: ${report.what}`,
    `  ${report.seconds} s; tasks: ${listed(tasks)}; ${report.fallbacks} answered by a fallback`,
    ...report.breakers.map(
      ({ atS, breaker, state, reason }) => `  ${atS} s  ${breaker} ${state}${reason && `: ${reason}`}`,
    ),
    ...report.spans.map((span) =>
      [
        `  ${span.name} (${span.service}): ${span.count} spans, ${span.failed} failed`,
        `threads ${between(span.threads)}, memory ${between(span.rssMb)} of ${between(span.limitMb)} MiB, queue ${between(span.queueDepth)}`,
        listed(span.errors),
        listed(span.breakers),
      ]
        .filter((part) => part !== '')
        .join('; '),
    ),
    ...Object.entries(report.shown).map(([what, is]) => `  ${is ? 'yes' : 'NO '}  ${what}`),
  ];
}
