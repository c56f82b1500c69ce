/**
 * Rows of the timeline: what a task went through, and under each hop what was done in it. Owns: which attempts share a
 * row, and what is shown of a task as it was. Does not own: bars (`timeline.ts`), or where spans come from.
 *
 * Invariants:
 * 1. Pure and linear: 10,000 spans and 5,000 effects are put in rows in a few milliseconds.
 * 2. All attempts of one deed stand in one row, in the order in which they began.
 */
import type { EffectSpan } from '../../../wire.ts';
import type { Span } from './story.ts';

export interface SpanRow {
  readonly kind: 'span';
  readonly key: string;
  readonly span: Span;
}

export interface EffectRow {
  readonly kind: 'effect';
  readonly key: string;
  /** For people. */
  readonly name: string;
  readonly role: string;
  readonly attempts: readonly EffectSpan[];
  /** The last one of its hop. */
  readonly isLast: boolean;
}

export type Row = SpanRow | EffectRow;

const names: Readonly<Record<string, string>> = {
  'agent.llm_call': 'generate',
  'agent.retrieve': 'search',
  'agent.review': 'check',
  'agent.tool_choice': 'choose a tool',
  'agent.tool_call': 'run the tool',
  'agent.effect': 'effect',
};

function effectName({ name }: EffectSpan): string {
  return names[name] ?? name.replace(/^agent\./, '').replaceAll('_', ' ');
}

/** @param untilMs what began later is not there yet */
export function rowsOf(spans: readonly Span[], effects: readonly EffectSpan[], untilMs: number): Row[] {
  const byHop = new Map<number, EffectSpan[]>();
  for (const effect of effects) {
    if (effect.hop === 0 || effect.startMs > untilMs || effect.name === 'agent.route') continue;
    const known = byHop.get(effect.hop);
    if (known === undefined) byHop.set(effect.hop, [effect]);
    else known.push(effect);
  }
  const rows: Row[] = [];
  for (const span of spans) {
    rows.push({ kind: 'span', key: span.key, span });
    if (span.kind !== 'hop') continue;
    const own = byHop.get(span.index);
    if (own === undefined) continue;
    const deeds = deedsOf(own);
    for (const [at, attempts] of deeds.entries()) {
      const [first] = attempts;
      if (first === undefined) continue;
      rows.push({
        ...{ kind: 'effect', key: `${span.key}/${first.id}`, name: effectName(first), role: first.role || span.role },
        ...{ attempts, isLast: at === deeds.length - 1 },
      });
    }
  }
  return rows;
}

/** An attempt that follows another one is of the same deed; one that follows none begins the next. */
function deedsOf(effects: readonly EffectSpan[]): EffectSpan[][] {
  const deeds: EffectSpan[][] = [];
  const latest = new Map<string, EffectSpan[]>();
  for (const effect of effects.toSorted((one, other) => one.startMs - other.startMs)) {
    const before = latest.get(effect.name);
    if (before !== undefined && effect.cause !== null) {
      before.push(effect);
      continue;
    }
    const deed = [effect];
    latest.set(effect.name, deed);
    deeds.push(deed);
  }
  return deeds;
}

export function describeEffect({ name, attempts }: EffectRow, duration: (ms: number) => string): string {
  const told = attempts.map(({ startMs, endMs, outcome, cause, failure }, at) => {
    const number = attempts.length > 1 ? `attempt ${at + 1} ` : '';
    const why = outcome === 'cut_off' ? 'cut off' : outcome;
    const words = [why, `${duration(endMs - startMs)}`, cause === null ? null : `after a ${cause}`, failure];
    return `${number}${words.filter((word) => word !== null).join(', ')}`;
  });
  return `${name}: ${told.join('; ')}`;
}
