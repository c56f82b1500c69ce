/**
 * Whose turn a role's work is counted as where it waits. Owns: what a priority weighs, and reading it off the machine of an
 * actor. Does not own: the turns (runtime/fair-queue.ts).
 */
import type { Priority, Share } from '../../schemas/events/generated.ts';
import type { Share as Turn } from '../runtime/effects/fair-queue.ts';

const WEIGHTS: Readonly<Record<Priority, number>> = { high: 8, normal: 4, low: 1 };

/** Turns are shared between callers, and between the priorities of one: its own batch does not keep a caller waiting. */
export function turnOf(share: Pick<Share, 'caller' | 'priority'> | undefined): Turn {
  const { caller = '', priority = 'normal' } = share ?? {};
  return { flow: `${priority} ${caller}`, weight: WEIGHTS[priority] };
}

/** Of an actor, by what its machine knows: the hop that it is at (`hop.ts`), or the task that it is the orchestrator of. */
export function turnOfActor(context: unknown): Turn {
  const hop = field(context, 'request');
  const said = field(hop, 'share') ?? context;
  const caller = field(said, 'caller');
  const priority = field(said, 'priority');
  return turnOf({
    caller: typeof caller === 'string' ? caller : '',
    priority: isPriority(priority) ? priority : 'normal',
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function isPriority(value: unknown): value is Priority {
  return typeof value === 'string' && Object.hasOwn(WEIGHTS, value);
}
