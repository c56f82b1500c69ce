/**
 * Where a task can begin again. Owns: which hops are offered, and which of them is meant by a place in the log. Does not
 * own: running it.
 */
import type { TaskAcceptedData } from '../../../../schemas/events/generated.ts';
import type { WireFact } from '../../../wire.ts';
import { storyAt } from './story.ts';

export interface ForkPlan {
  /** Hops that have ended, in their order. */
  readonly hops: readonly { readonly index: number; readonly step: string }[];
  /** The hop that was at work at that place, or the last before it; 0 where there is none. */
  readonly hop: number;
  /** As the page has it: the end is missing where `isCut`. */
  readonly prompt: string;
  readonly isCut: boolean;
}

/** @param at how many facts had happened at the place that is forked from; null for the end */
export function forkPlan(facts: readonly WireFact[], at: number | null): ForkPlan {
  const { spans } = storyAt(facts, []);
  const hops = spans
    .filter(({ kind, status }) => kind === 'hop' && status !== 'running')
    .map(({ index, step }) => ({ index, step }));
  const begun = storyAt(facts, [], at ?? facts.length).spans.filter(({ kind }) => kind === 'hop');
  const last = Math.max(0, ...begun.map(({ index }) => index));
  const accepted = facts.find(({ type }) => type === 'task.accepted');
  return {
    hops,
    hop: hops.findLast(({ index }) => index <= last)?.index ?? hops[0]?.index ?? 0,
    prompt: (accepted?.data as TaskAcceptedData | undefined)?.prompt ?? '',
    isCut: accepted === undefined || accepted.cutFrom !== null,
  };
}
