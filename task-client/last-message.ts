/** Looking for one stored message. Owns: reading a subject to its end. Does not own: what is looked for. */
import type { Bus, StoredMessage } from '../bus/port.ts';

/** The last stored message of a subject, of those that are meant; null when there is none. @throws BusError */
export async function lastMessage(
  bus: Bus,
  filter: string,
  isIt: (message: StoredMessage) => boolean,
): Promise<StoredMessage | null> {
  let found: StoredMessage | null = null;
  const reader = await bus.read({
    filter,
    fromSeq: 1,
    onMessage: (message) => {
      if (isIt(message)) found = message;
    },
  });
  try {
    await reader.caughtUp;
  } finally {
    void reader.stop();
  }
  return found;
}
