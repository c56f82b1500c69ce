/**
 * What was decided on labelled queries when it was last found good, beside what is decided now. Owns: the form of the
 * record and the comparison. Does not own: deciding, or files on disk.
 */
import { z } from 'zod';
import { figures, type Judged } from './evaluate.ts';

const form = z.strictObject({
  engine: z.string(),
  accuracy: z.number(),
  ece: z.number(),
  /** What was held for likeliest, by query. */
  decisions: z.record(z.string(), z.string()),
});

export type Baseline = z.infer<typeof form>;

export interface Change {
  readonly query: string;
  readonly label: string;
  /** Null: the query is new. */
  readonly was: string | null;
  readonly is: string;
  readonly kind: 'better' | 'worse' | 'other' | 'new';
}

export interface Comparison {
  readonly was: number;
  readonly is: number;
  /** Less accurate than recorded, over the queries of today. */
  readonly dropped: boolean;
  readonly changes: readonly Change[];
}

/** @throws z.ZodError */
export function parseBaseline(text: string): Baseline {
  return form.parse(JSON.parse(text));
}

export function recorded(judged: readonly Judged[]): Baseline {
  const { engine, accuracy, ece } = figures(judged);
  return {
    ...{ engine, accuracy, ece },
    decisions: Object.fromEntries(judged.map(({ query, likeliest }) => [query, likeliest])),
  };
}

export function compared(baseline: Baseline, judged: readonly Judged[]): Comparison {
  const changes = judged
    .map((one) => changeOf(one, baseline.decisions[one.query] ?? null))
    .filter((change) => change.was !== change.is);
  const is = figures(judged).accuracy;
  return { was: baseline.accuracy, is, dropped: is < baseline.accuracy, changes };
}

function changeOf({ query, route, likeliest }: Judged, was: string | null): Change {
  const kind =
    was === null ? 'new' : likeliest === route ? ('better' as const) : was === route ? ('worse' as const) : 'other';
  return { query, label: route, was, is: likeliest, kind };
}

/** One line a change, the worse ones first. */
export function changeLines(changes: readonly Change[]): string[] {
  const order = { worse: 0, other: 1, new: 2, better: 3 };
  return changes
    .toSorted((one, other) => order[one.kind] - order[other.kind])
    .map(({ kind, label, was, is, query }) => {
      const shown = query.replaceAll(/\s+/g, ' ').slice(0, 100);
      return `${kind.padEnd(6)} ${(was ?? 'nothing').padEnd(7)} → ${is.padEnd(7)} (label ${label}): ${shown}`;
    });
}
