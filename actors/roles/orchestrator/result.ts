/**
 * What a task comes to, and what it keeps for that. Owns: the result as its caller gets it. Does not own: its text
 * (`answer.ts`).
 */
import type { Degraded, Message, Result } from '../../../schemas/events/generated.ts';
import { composeAnswer, isUnchecked, whyNotChecked } from './answer.ts';
import { loopsOf, type TaskContext } from './context.ts';

/** Messages kept in a task; more are still relayed. */
const MESSAGES_MAX = 64;
/**
 * Bytes of JSON that the messages kept in a task may have together: the result carries them all, and has to fit into one
 * event with the answer and the code. Each was a fact of its own and can be read there.
 */
const MESSAGES_MAX_BYTES = 262_144;

export function messageNoted(context: TaskContext, message: Message): TaskContext {
  const messages = [...context.messages, message];
  const fits = messages.length <= MESSAGES_MAX && Buffer.byteLength(JSON.stringify(messages)) <= MESSAGES_MAX_BYTES;
  return fits ? { ...context, messages } : context;
}

export function resultOf(context: TaskContext): Result {
  const { route, artifacts, engine, error } = context;
  const { text, citations } = composeAnswer(context);
  const degraded = degradedOf(context);
  return {
    outcome: context.outcome,
    answer: text,
    engine,
    citations,
    ...(artifacts.code ? { code: artifacts.code } : {}),
    ...(artifacts.review ? { review: artifacts.review } : {}),
    ...(artifacts.artifacts ? { artifacts: artifacts.artifacts } : {}),
    ...(artifacts.tool?.attachments ? { attachments: artifacts.tool.attachments } : {}),
    ...(route ? { route } : {}),
    ...(degraded ? { degraded } : {}),
    hops: [...context.hops],
    messages: [...context.messages],
    loops: loopsOf(context),
    ...(error ? { error } : {}),
  };
}

function degradedOf({ outcome, artifacts, degraded, workflow }: TaskContext): Degraded | null {
  if (outcome === 'failed' || outcome === 'cancelled') return null;
  if (degraded) return degraded;
  const { review } = artifacts;
  if (!workflow?.loop || !review || !isUnchecked(review)) return null;
  return { reason: 'not_checked', instead: 'unchecked_code', message: whyNotChecked(review) };
}
