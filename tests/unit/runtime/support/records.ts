/**
 * Heads and inputs for tests of journals. Owns: defaults that a test does not care about.
 */
import type { EventInput, QuarantinedInput, RecordHead } from '../../../../actors/runtime/journal/record.ts';
import type { MeshEvent } from '../../../../schemas/events/envelope.ts';
import { START_MS } from './events.ts';

export function headAt(n: number, more: Partial<RecordHead> = {}): RecordHead {
  const process = more.process ?? 'p1';
  return {
    ...{ service: 'tests', partition: 0, n, id: `${process}.${n}` },
    ...{ previous: n === 1 ? '' : `${process}.${n - 1}`, ledger: 'ledger-1', process, host: 'a test' },
    ...{ atMs: START_MS, upMs: 0, log: 'log-1', read: {}, tail: '', stored: { log: '', quarantine: '' }, sent: 0 },
    ...more,
  };
}

export function inputOf(event: MeshEvent, role: string, more: Partial<EventInput> = {}): EventInput {
  return { kind: 'event', role, event, atMs: START_MS, upMs: 0, place: null, again: false, ...more };
}

/** From the log, so that it is looked up. */
export function fromLog(event: MeshEvent, role: string, seq = 1): EventInput {
  return inputOf(event, role, { place: { lane: role, seq } });
}

export function quarantinedInput(seq: number, more: Partial<QuarantinedInput['message']> = {}): QuarantinedInput {
  const message = {
    ...{ lane: 'courier', subject: 'mesh.in.courier.0.x', seq, storedAtMs: START_MS, code: 'not_json' },
    ...{ reason: 'not JSON', base64: Buffer.from('{').toString('base64'), truncated: false },
    ...more,
  };
  return { kind: 'quarantined', message, atMs: START_MS, upMs: 0, place: { lane: message.lane, seq } };
}
