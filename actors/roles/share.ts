/**
 * Whose turn a role's work is counted as where it waits. Owns: what a priority weighs. Does not own: the turns
 * (runtime/fair-queue.ts).
 */
import type { Priority, Share } from '../../schemas/events/generated.ts';
import type { Share as Turn } from '../runtime/fair-queue.ts';

const WEIGHTS: Readonly<Record<Priority, number>> = { high: 8, normal: 4, low: 1 };

/** Turns are shared between callers, and between the priorities of one: its own batch does not keep a caller waiting. */
export function turnOf(share: Share | undefined): Turn {
  const { caller = '', priority = 'normal' } = share ?? {};
  return { flow: `${priority} ${caller}`, weight: WEIGHTS[priority] };
}
