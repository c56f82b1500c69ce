/**
 * The task that a tab has open. Owns: its facts since the tab last heard of it, what the journals of its partition tell
 * from now on, and its text as it is written. Does not own: how it travels (`tab-stream.ts`).
 */
import { type Bus, BusError, type Reader } from '../../bus/port.ts';
import { parseJson } from '../../schemas/events/envelope.ts';
import { factsIn } from '../../schemas/events/fact.ts';
import { factSubject, journalsOf, tokenSubject } from '../../schemas/events/subjects.ts';
import type { Token } from '../wire.ts';
import { Journals } from './journals.ts';
import type { TabStream } from './tab-stream.ts';

/** Begins to tell; returns the function that ends it. @param after the tab has the facts up to this sequence */
export function followTask(bus: Bus, stream: TabStream, id: string, after: number): () => void {
  const readers: Reader[] = [];
  let isOver = false;
  const endTokens = bus.subscribeVolatile(tokenSubject(id), (_subject, data) => {
    const token = tokenOf(id, data);
    if (token !== null) stream.tellToken(token);
  });
  const keep = (reader: Reader): void => {
    reader.caughtUp.catch(() => undefined);
    if (isOver) void reader.stop();
    else readers.push(reader);
  };
  const begin = async (): Promise<void> => {
    // What is stored already; what comes is heard by the hub, and a fact that both tell is known by its place.
    const facts = await bus.read({
      filter: factSubject(id),
      fromSeq: after + 1,
      onMessage: (message) => stream.tellFacts(factsIn(message)),
    });
    keep(facts);
    await facts.caughtUp;
    await facts.stop();
    const filter = journalsOf(id);
    const journals = new Journals(id);
    const last = await bus.readLast(filter);
    for (const message of last) if (message.seq <= after) journals.marksOf(message);
    keep(
      await bus.read({
        filter,
        fromSeq: after + 1,
        onMessage: (message) => {
          const marks = journals.marksOf(message);
          if (marks.length > 0) stream.tellMarks(marks);
        },
      }),
    );
  };
  begin().catch((error: unknown) => {
    // The log is away: the tab is told so by the hub, and asks again when it is back.
    if (!(error instanceof BusError)) throw error;
  });
  return () => {
    isOver = true;
    endTokens();
    for (const reader of readers) void reader.stop();
  };
}

function tokenOf(task: string, data: Uint8Array): Token | null {
  const parsed = parseJson(new TextDecoder().decode(data));
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) return null;
  const { attempt, number, purpose, requestId, text } = parsed.value as Record<string, unknown>;
  if (typeof text !== 'string' || typeof number !== 'number') return null;
  return {
    ...{ task, text, number },
    attempt: typeof attempt === 'number' ? attempt : 0,
    purpose: typeof purpose === 'string' ? purpose : '',
    requestId: typeof requestId === 'string' ? requestId : '',
  };
}
