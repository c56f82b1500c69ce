/**
 * Who makes the streams and buckets. Owns: the question to the keeper, its answer, and what a service does that may not
 * make them itself. Does not own: making them (`topology.ts`), or which process is the keeper (the supervisor of
 * `mesh up`, or `node services/main.ts keeper`).
 *
 * Services may read and write streams, and not make, change or delete them. A start asks the keeper, and so does whoever
 * finds a stream gone: the keeper makes it again, whoever took it away.
 */
import { KEEPER_SUBJECT } from '../schemas/events/subjects.ts';
import type { BusErrorCode } from './port.ts';
import { type Bus, BusError } from './port.ts';

/** The keeper may have a log to load first. */
const ANSWER_LIMIT_MS = 5000;

const CODES: ReadonlySet<string> = new Set<BusErrorCode>([
  'unavailable',
  'refused',
  'unsupported_server',
  'no_jetstream',
]);

/** Answers from now on, with one look at the streams for all who ask meanwhile. Returns the function that ends it. */
export function answerAsKeeper(bus: Bus): () => void {
  let making: Promise<string> | null = null;
  const make = (): Promise<string> => {
    making ??= bus
      .ensureTopology()
      .then(() => '{}', answerOfFailure)
      .finally(() => {
        making = null;
      });
    return making;
  };
  return bus.answerVolatile(KEEPER_SUBJECT, make);
}

function answerOfFailure(thrown: unknown): string {
  const code = thrown instanceof BusError && CODES.has(thrown.code) ? thrown.code : 'unavailable';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return JSON.stringify({ error: { code, message } });
}

/**
 * True when the keeper says that all is there; false when none has answered.
 * @throws BusError what the keeper could not do, as it says it
 */
export async function askKeeper(bus: Pick<Bus, 'askVolatile'>): Promise<boolean> {
  const [answer] = await bus.askVolatile(KEEPER_SUBJECT, '', { answers: 1, limitMs: ANSWER_LIMIT_MS });
  if (answer === undefined) return false;
  const { error } = JSON.parse(Buffer.from(answer).toString('utf8')) as {
    error?: { code: BusErrorCode; message: string };
  };
  if (error !== undefined) throw new BusError(error.code, error.message);
  return true;
}
