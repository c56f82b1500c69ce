/**
 * What people and programs do to a mesh in one run. Owns: drawing it from the seed. Does not own: carrying it out
 * (`clients.ts`).
 */
import type { Catalog } from './catalog.ts';
import { type PoisonName, poisonNames, strayNames } from './poison.ts';
import type { Random } from './random.ts';

export interface Submission {
  readonly atMs: number;
  /** Null: the caller names none, and the log's place does. */
  readonly correlationId: string | null;
  readonly form: 'text' | 'json' | 'event';
  readonly prompt: string;
  readonly workflow: string | null;
  readonly deadlineMs: number | null;
  /** Begins in the middle, as if it ran another task again; null: at the beginning. */
  readonly fork: Fork | null;
}

export interface Fork {
  /** A step of the workflow, or none that it has. */
  readonly step: string;
  readonly remainingLoops: number;
  /** The other task had made some code by then. */
  readonly code: boolean;
}

/** Further deeds about the n-th submission, or about none. */
export type Disturbance =
  | { readonly kind: 'resubmit' | 'conflict' | 'cancel' | 'unasked'; readonly atMs: number; readonly of: number }
  | { readonly kind: 'poison'; readonly atMs: number; readonly poison: PoisonName };

export interface Workload {
  readonly submissions: readonly Submission[];
  readonly disturbances: readonly Disturbance[];
}

const SUBMISSIONS_MAX = 4;
const DISTURBANCES_MAX = 4;
const LATE_MS = 25_000;
/** Share of the runs in which something is published beside the subject for tasks. */
const STRAYING = 0.25;

/** A UUIDv4 from the seed. */
function uuid(random: Random): string {
  const hex = Array.from({ length: 8 }, () => random.int(0, 0xffff).toString(16).padStart(4, '0')).join('');
  const variant = random.pick(['8', '9', 'a', 'b']);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function fork(random: Random, steps: readonly string[]): Fork {
  const step = random.chance(0.9) ? random.pick(steps) : 'no-such-step';
  return { step, remainingLoops: random.int(0, 3), code: random.chance(0.5) };
}

function submission(random: Random, catalog: Catalog, withinMs: number): Submission {
  const form = random.pick(['text', 'json', 'json', 'event'] as const);
  const names = catalog.wished ?? [...catalog.workflows.keys()];
  const wishes = [...names, ...names, 'no-such-workflow'];
  const named = form === 'event' || (form === 'json' && random.chance(0.8));
  const workflow = form === 'text' || random.chance(0.2) ? null : random.pick(wishes);
  const steps = catalog.workflows.get(workflow ?? '')?.steps.map(({ step }) => step);
  return {
    atMs: random.int(0, withinMs),
    correlationId: named ? uuid(random) : null,
    form,
    prompt: `prompt ${random.int(0, 1_000_000)}`,
    workflow,
    deadlineMs: form !== 'text' && random.chance(0.25) ? random.skewed(1000, 60_000) : null,
    fork: named && steps && random.chance(0.25) ? fork(random, steps) : null,
  };
}

export function drawWorkload(
  random: Random,
  catalog: Catalog,
  withinMs: number,
  options: { forged: boolean; delivers: boolean },
): Workload {
  const submissions = Array.from({ length: random.skewed(1, SUBMISSIONS_MAX) }, () =>
    submission(random, catalog, withinMs),
  );
  if (options.delivers) {
    const aimed = random.fork('delivers');
    submissions.push({ ...submission(aimed, catalog, withinMs), form: 'json', workflow: 'deliver', fork: null });
  }
  const elsewhere = poisonNames.filter((name) => !strayNames.includes(name));
  const poisons = options.forged ? elsewhere : elsewhere.filter((name) => !name.startsWith('forged'));
  const kinds = options.forged
    ? (['resubmit', 'conflict', 'cancel', 'unasked', 'poison', 'poison'] as const)
    : (['resubmit', 'cancel', 'unasked', 'poison', 'poison'] as const);
  const disturbances = Array.from({ length: random.int(0, DISTURBANCES_MAX) }, (): Disturbance => {
    const kind = random.pick(kinds);
    // Some come when tasks have ended: what is known of those counts then.
    const atMs = random.chance(0.3) ? random.int(withinMs, LATE_MS) : random.int(0, withinMs);
    if (kind === 'poison') return { kind, atMs, poison: random.pick(poisons) };
    return { kind, atMs: atMs + random.skewed(1, 2000), of: random.int(0, submissions.length - 1) };
  });
  const straying = random.fork('strays');
  if (straying.chance(STRAYING))
    for (let count = straying.int(1, 2); count > 0; count -= 1)
      disturbances.push({ kind: 'poison', atMs: straying.int(0, withinMs), poison: straying.pick(strayNames) });
  return { submissions, disturbances };
}
