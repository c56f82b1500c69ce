/**
 * The quarantine as the page shows it. Owns: how much of it is shown, and how many there are. Does not
 * own: reading it and sending it again (task-client/quarantine.ts).
 */
import { type Bus, BusError } from '../../bus/port.ts';
import { listQuarantine as entries, entryOf, redrive as redriveEntry } from '../../task-client/quarantine.ts';
import type { QuarantineRow } from '../wire.ts';

const LIST_MAX = 500;
const BODY_MAX_CHARACTERS = 65_536;

/** The latest, newest first. @throws BusError */
export async function listQuarantine(bus: Bus): Promise<QuarantineRow[]> {
  return (await entries(bus, LIST_MAX)).reverse();
}

/** Null when it is gone. @throws BusError */
export async function quarantinedBody(bus: Bus, seq: number): Promise<{ row: QuarantineRow; body: string } | null> {
  const message = await bus.get(seq, 'quarantine');
  if (message === null) return null;
  return { row: entryOf(message), body: new TextDecoder().decode(message.data).slice(0, BODY_MAX_CHARACTERS) };
}

/** Sends it again to where it first came from, as it was. @throws BusError; a text says why it cannot be sent */
export async function redrive(bus: Bus, seq: number): Promise<{ readonly sentAs: number } | string> {
  const message = await bus.get(seq, 'quarantine');
  if (message === null) return `the quarantine has no number ${seq} any more`;
  return redriveEntry(bus, message);
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
