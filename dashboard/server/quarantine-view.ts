/**
 * The quarantine as the page shows it. Owns: listing, showing and sending again. Does not own: the judgement, or the form
 * in which it is kept (actors/runtime).
 */
import { type Bus, BusError, type StoredMessage } from '../../bus/port.ts';
import type { QuarantineRow } from '../wire.ts';

const LIST_MAX = 500;
const BODY_MAX_CHARACTERS = 65_536;

function rowOf(message: StoredMessage): QuarantineRow {
  return {
    ...{ seq: message.seq, atMs: message.atMs },
    role: message.subject.split('.').at(-1) ?? '',
    code: message.header('mesh-code'),
    reason: message.header('mesh-reason'),
    originSubject: message.header('mesh-origin-subject'),
    originSeq: Number(message.header('mesh-origin-seq')),
    truncated: message.header('mesh-truncated') === 'true',
    bytes: message.data.byteLength,
  };
}

/** The latest, newest first. @throws BusError */
export async function listQuarantine(bus: Bus): Promise<QuarantineRow[]> {
  const { firstSeq, lastSeq } = await bus.streamInfo('quarantine');
  const rows: QuarantineRow[] = [];
  const reader = await bus.read({
    stream: 'quarantine',
    filter: 'mesh.quarantine.>',
    fromSeq: Math.max(firstSeq, lastSeq - LIST_MAX + 1),
    onMessage: (message) => rows.push(rowOf(message)),
  });
  await reader.caughtUp;
  await reader.stop();
  return rows.reverse();
}

/** Null when it is gone. @throws BusError */
export async function quarantinedBody(bus: Bus, seq: number): Promise<{ row: QuarantineRow; body: string } | null> {
  const message = await bus.get(seq, 'quarantine');
  if (message === null) return null;
  return { row: rowOf(message), body: new TextDecoder().decode(message.data).slice(0, BODY_MAX_CHARACTERS) };
}

/** Sends it again to where it first came from, as it was. @throws BusError; a text says why it cannot be sent */
export async function redrive(bus: Bus, seq: number): Promise<{ readonly sentAs: number } | string> {
  const message = await bus.get(seq, 'quarantine');
  if (message === null) return `the quarantine has no number ${seq} any more`;
  const { originSubject, originSeq, truncated } = rowOf(message);
  const origin = truncated ? await bus.get(originSeq) : message;
  if (origin === null) return `only the beginning of number ${seq} is kept, and the log has dropped the whole`;
  const { seq: sentAs } = await bus.publish({ subject: originSubject, body: origin.data });
  return { sentAs };
}

/** Calls back with how many there are, now and at every new one. Returns the function that ends it. */
export function followQuarantine(bus: Bus, onCount: (count: number) => void): () => void {
  const look = async (): Promise<void> => {
    try {
      const { firstSeq, lastSeq } = await bus.streamInfo('quarantine');
      onCount(Math.max(0, lastSeq - firstSeq + 1));
    } catch (error) {
      // Away: the next look tells.
      if (!(error instanceof BusError)) throw error;
    }
  };
  void look();
  const timer = setInterval(() => void look(), 3000);
  return () => clearInterval(timer);
}
