/**
 * What one role says to another: an A2A 1.0 Message, sent by way of the orchestrator, which keeps and relays it.
 * Owns: its form. Does not own: delivery.
 */
import type { Part } from '../../schemas/events/generated.ts';
import { type Incoming, type Outgoing, out } from '../runtime/role.ts';

/** @param event the event being answered; its id makes the message's, so that saying it again gives the same */
export function say(
  event: Incoming<'llm.replied'> | { id: string },
  to: string,
  text: string,
  data: unknown,
): Outgoing {
  const parts: Part[] = [{ text }];
  if (data !== undefined) parts.push({ data });
  return out(
    'agent.message',
    to,
    { messageId: `${event.id}/${to}`, role: 'ROLE_AGENT', parts },
    { via: 'orchestrator' },
  );
}
