/**
 * What happens to a courier in random histories. Owns: its speech and the outcomes of its effects.
 */
import type { Outcome } from '../../../../actors/runtime/effects/settlement.ts';
import { eventOf, idOf } from './events.ts';
import type { Choice, Outcomes, Speech } from './histories.ts';

export const courierSpeech: Speech = (_actor, { kind, pick, detail }, nth) => {
  const options = { id: idOf(`courier/${nth}`), hop: 1 + (detail % 5), loops: detail % 3 };
  switch (kind % 4) {
    case 0:
    case 1: {
      const data = { step: `s${pick % 3}`, attempt: 1 + (detail % 2), timeoutMs: 1000, input: { prompt: 'Carry it' } };
      return eventOf('hop.requested', data, options);
    }
    case 2:
      return eventOf('hop.cancelled', { step: `s${pick % 3}`, attempt: 1, reason: 'enough' }, options);
    default: {
      const message = { messageId: `m${nth}`, role: 'ROLE_AGENT' as const, parts: [{ text: `news ${detail}` }] };
      return eventOf('agent.message', message, { ...options, from: 'reviewer' });
    }
  }
};

const failure = (code: string) => ({ code, message: 'it did not work', retryable: false });

export const courierOutcomes: Outcomes = (_src: string, { detail }: Choice): Outcome => {
  if (detail % 7 === 0) return { status: 'failed', error: failure('broken') };
  if (detail % 7 === 1) return { status: 'unknown', error: failure('outcome_unknown') };
  return { status: 'done', output: `parcel ${detail}` };
};
