/**
 * One task from the log. Owns: reading its facts, and what the journals of its partition tell of crashes and attempts.
 * Does not own: what they mean for a page (`src/lib/model`).
 */
import type { Bus, Reader, StoredMessage } from '../../bus/port.ts';
import { factsIn } from '../../schemas/events/fact.ts';
import { factSubject, journalsOf } from '../../schemas/events/subjects.ts';
import type { Mark, Story, WireFact } from '../wire.ts';
import { Journals } from './journals.ts';
import { wireFact } from './wire-fact.ts';

/** A task has tens of facts; one that has more than this is shown with what came last. */
const FACTS_MAX = 20_000;
/** Journal records of the task's time that are looked through. */
const RECORDS_MAX = 20_000;
const READ_LIMIT_MS = 20_000;
/** The record that a task begins with stands before its first fact, with a few messages of others between. */
const RECORD_BEFORE_MAX = 64;

/** @throws BusError; null for a task that the log does not have */
export async function readStory(bus: Bus, log: string, id: string): Promise<Story | null> {
  const heard = new Set<string>();
  const facts: WireFact[] = [];
  let dropped = 0;
  await readThrough(bus, { filter: factSubject(id), fromSeq: 1 }, (message) => {
    for (const fact of factsIn(message)) {
      if (heard.has(fact.event.id)) continue;
      heard.add(fact.event.id);
      facts.push(wireFact(fact));
    }
    while (facts.length > FACTS_MAX) {
      facts.splice(1, facts.length - FACTS_MAX);
      dropped += 1;
    }
  });
  const last = facts.at(-1);
  if (last === undefined) return null;
  const { marks, deadlineMs } = await readJournals(bus, id, facts[0]?.seq ?? 1, last.seq);
  return { id, log, seq: last.seq, facts, marks, deadlineMs, dropped };
}

/** Marks of the time between the first and the last fact. */
async function readJournals(
  bus: Bus,
  id: string,
  fromSeq: number,
  toSeq: number,
): Promise<Pick<Story, 'marks' | 'deadlineMs'>> {
  const journals = new Journals(id);
  const marks: Mark[] = [];
  const isDone = (message: StoredMessage, count: number): boolean => message.seq > toSeq || count >= RECORDS_MAX;
  const from = Math.max(1, fromSeq - RECORD_BEFORE_MAX);
  await readThrough(bus, { filter: journalsOf(id), fromSeq: from, isDone }, (message) => {
    const found = journals.marksOf(message);
    if (message.seq >= fromSeq - 1) marks.push(...found);
  });
  return { marks, deadlineMs: journals.deadlineMs };
}

interface Through {
  readonly filter: string;
  readonly fromSeq: number;
  readonly isDone?: (message: StoredMessage, count: number) => boolean;
}

/** Everything that is stored now. @throws BusError, also when the log does not deliver it in time */
async function readThrough(bus: Bus, through: Through, onMessage: (message: StoredMessage) => void): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  let count = 0;
  let isOver = false;
  const reader: Reader = await bus.read({
    filter: through.filter,
    fromSeq: through.fromSeq,
    onMessage: (message) => {
      if (isOver) return;
      count += 1;
      if (through.isDone?.(message, count)) {
        isOver = true;
        resolve();
      } else onMessage(message);
    },
  });
  const timer = setTimeout(resolve, READ_LIMIT_MS);
  try {
    await Promise.race([reader.caughtUp, enough]);
  } finally {
    clearTimeout(timer);
    isOver = true;
    reader.caughtUp.catch(() => undefined);
    await reader.stop();
  }
}
