/**
 * A request and its answer. Owns: writing a request, and waiting for the fact, or the refusal, that shows what became of it.
 * Does not own: the form of requests (`requests.ts`), or what is asked.
 */
import type { Bus } from '../bus/port.ts';
import type { DataByName } from '../schemas/events/generated.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { quarantined } from './answers.ts';
import { MeshError } from './errors.ts';
import type { CallContext } from './ports.ts';
import type { RefusedMessages } from './refused-messages.ts';
import { publishRequest, type RequestName } from './requests.ts';
import type { TaskFeed } from './task-feed.ts';

export interface Request<N extends RequestName> {
  readonly name: N;
  readonly data: DataByName[N];
  /** Tells apart requests of one kind to one task. */
  readonly discriminator: string;
}

/** A mesh that works takes a request in milliseconds; what is not taken by then may still be taken later. */
const TAKEN_WITHIN_MS = 20_000;
const RETRY_AFTER_MS = 1000;

export class Asked {
  readonly #bus: Bus;
  readonly #refused: RefusedMessages;

  constructor(bus: Bus, refused: RefusedMessages) {
    this.#bus = bus;
    this.#refused = refused;
  }

  /**
   * Writes a request about the task of a feed, and resolves when the task is as wanted.
   * @throws MeshError also when the mesh put the request into quarantine
   */
  async of<N extends RequestName>(
    feed: TaskFeed,
    request: Request<N>,
    wanted: (view: TaskView) => boolean,
    context: CallContext,
  ): Promise<void> {
    const { correlationId } = feed;
    await this.#refused.ready();
    const { seq } = await publishRequest(this.#bus, correlationId, request, context.traceparent);
    let refusal: MeshError | null = null;
    const unlisten = this.#refused.listen(seq, (refused) => {
      refusal = quarantined(refused, correlationId);
      feed.look();
    });
    const error = (): MeshError => notTaken(correlationId);
    const { takenWithinMs: ms = TAKEN_WITHIN_MS } = context;
    try {
      await feed.until((view) => refusal !== null || wanted(view), context, { ms, error });
    } finally {
      unlisten();
    }
    if (refusal !== null && !wanted(feed.view)) throw refusal;
  }
}

function notTaken(correlationId: string): MeshError {
  return new MeshError(
    'unavailable',
    'NOT_TAKEN_YET',
    `the request is in the log, but nothing has taken it within ${TAKEN_WITHIN_MS / 1000} s; call again, it is not done twice`,
    { retryAfterMs: RETRY_AFTER_MS, metadata: { correlation_id: correlationId } },
  );
}
