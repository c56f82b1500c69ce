/**
 * Deeds: tools that may not be repeated and were begun. Owns: which deed a request asks for, and which ones a task
 * remembers: pure functions on the machine's context. Does not own: doing them.
 *
 * A deed is done again only when it certainly failed, or when a request says that a person wants it (S6). A request may
 * come again for other reasons: its time was up, or the orchestrator lost both its stores and begins the task anew.
 */
import type { HopOutput } from '../../../schemas/events/generated.ts';
import type { Incoming } from '../../runtime/role.ts';
import { requestOf } from '../hop.ts';
import type { Deed, ToolChoice, ToolsContext } from './context.ts';

/** The deed that is begun with a choice; null when the tool may be repeated. */
export function deedOf(context: ToolsContext, choice: ToolChoice | null, output: HopOutput | null): Deed | null {
  return choice?.fence === 'once' ? { step: requestOf(context).step, loops: context.loops, output } : null;
}

/** The deed that a request asks for, if it was begun before: the same step of the same round. */
export function deedAskedFor(
  { deed, earlier = [] }: ToolsContext,
  { data, loops }: Incoming<'hop.requested'>,
): Deed | null {
  const begun = deed === null ? earlier : [deed, ...earlier];
  return begun.find((one) => one.step === data.step && one.loops === loops) ?? null;
}

/** Deeds begun before another one, which has the place of the last. */
export function earlierThan({ step, loops }: Deed, { deed, earlier = [] }: ToolsContext): readonly Deed[] {
  const before = deed === null ? earlier : [...earlier, { ...deed, output: null }];
  return before.filter((one) => one.step !== step || one.loops !== loops);
}
