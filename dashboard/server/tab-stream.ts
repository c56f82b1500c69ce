/**
 * The one event stream of a tab. Owns: what a tab is told and in which order, ids that a tab resumes by, keep-alive, and
 * the bound on what waits for a slow tab. Does not own: where it comes from (`hub.ts`, `tab-task.ts`), or HTTP.
 *
 * Invariants:
 * 1. The id of an event is a sequence of the log: everything up to it was told. A tab that comes back with it hears what
 *    came after, and nothing is lost.
 * 2. Rows wait once each, the latest state of a task: 20,000 tasks at most, whatever happens meanwhile.
 * 3. Facts of the open task wait up to `FACTS_WAITING_MAX`; one more, and the tab is told to ask for the task again.
 */
import type { Fact } from '../../schemas/events/fact.ts';
import type { Links, Mark, TaskRow, Token, WireFact } from '../wire.ts';
import type { Hub, HubListener } from './hub.ts';
import { wireFact } from './wire-fact.ts';

/** Several facts of one moment travel together. */
const FLUSH_MS = 60;
const KEEP_ALIVE_MS = 15_000;
const FACTS_WAITING_MAX = 4000;
const TOKENS_WAITING_MAX = 2000;

export interface TabOrder {
  /** Which log the tab knows; empty for none. */
  readonly log: string;
  /** Rows that changed after it are told at once. */
  readonly after: number;
  readonly task: string | null;
}

/** Things beside the log, by their names; the latest of each waits. */
export type Topic = 'services' | 'quarantine' | 'observation';

export class TabStream {
  readonly #hub: Hub;
  readonly #order: TabOrder;
  readonly #rows = new Map<string, TaskRow>();
  readonly #topics = new Map<Topic, unknown>();
  readonly #encoder = new TextEncoder();
  #facts: WireFact[] = [];
  #marks: Mark[] = [];
  #tokens: Token[] = [];
  #links: Links | null = null;
  #resync: 'all' | 'task' | null = null;
  #seq: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
  #keepAlive: NodeJS.Timeout | null = null;
  #unlisten: () => void = () => undefined;
  /** Called when the tab has left. */
  onEnd: () => void = () => undefined;

  constructor(hub: Hub, order: TabOrder) {
    this.#hub = hub;
    this.#order = order;
    this.#seq = order.after;
  }

  open(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          this.#begin();
        },
        pull: () => this.#flush(),
        cancel: () => this.end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 256 * 1024 }),
    );
  }

  tell(topic: Topic, value: unknown): void {
    this.#topics.set(topic, value);
    this.#soon();
  }

  tellToken(token: Token): void {
    if (this.#tokens.length < TOKENS_WAITING_MAX) this.#tokens.push(token);
    this.#soon();
  }

  tellMarks(marks: readonly Mark[]): void {
    this.#marks.push(...marks.slice(0, FACTS_WAITING_MAX));
    this.#soon();
  }

  /** Facts of the open task that were stored before the tab came. */
  tellFacts(facts: readonly Fact[]): void {
    if (this.#facts.length + facts.length > FACTS_WAITING_MAX) {
      this.#facts = [];
      this.#resync ??= 'task';
    } else this.#facts.push(...facts.map(wireFact));
    this.#soon();
  }

  end(): void {
    this.#unlisten();
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    if (this.#controller === null) return;
    this.#controller = null;
    this.onEnd();
  }

  /** The process ends: the tab comes again by itself. */
  close(): void {
    const controller = this.#controller;
    this.end();
    try {
      controller?.close();
    } catch (error) {
      // Already closed by the other side: that is what was wanted.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  #begin(): void {
    this.#write('hello', { log: this.#hub.identity, links: this.#hub.links });
    if (this.#order.log !== this.#hub.identity) this.#resync = 'all';
    else for (const row of this.#hub.board.since(this.#order.after)) this.#rows.set(row.id, row);
    const listener: HubListener = {
      onFacts: (facts, row) => {
        if (row !== null) this.#rows.set(row.id, row);
        if (facts[0]?.event.correlationid === this.#order.task) this.tellFacts(facts);
        this.#seq = Math.max(this.#seq, facts[0]?.seq ?? 0);
        this.#soon();
      },
      onReset: () => {
        this.#resync = 'all';
        this.#rows.clear();
        this.#soon();
      },
      onLinks: (links) => {
        this.#links = links;
        this.#soon();
      },
    };
    this.#unlisten = this.#hub.listen(listener);
    this.#keepAlive = setInterval(() => this.#comment(), KEEP_ALIVE_MS);
    this.#soon();
  }

  #soon(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = null;
      this.#flush();
    }, FLUSH_MS);
  }

  /** Writes what waits as long as the tab takes it. */
  #flush(): void {
    if (this.#controller === null || (this.#controller.desiredSize ?? 0) <= 0) return;
    if (this.#resync !== null) {
      this.#write('resync', { what: this.#resync });
      if (this.#resync === 'all') this.#rows.clear();
      this.#resync = null;
    }
    if (this.#links !== null) this.#write('links', this.#links);
    this.#links = null;
    for (const [topic, value] of this.#topics) this.#write(topic, value);
    this.#topics.clear();
    if (this.#tokens.length > 0) this.#write('tokens', this.#tokens);
    this.#tokens = [];
    if (this.#marks.length > 0) this.#write('marks', { task: this.#order.task, marks: this.#marks });
    this.#marks = [];
    if (this.#facts.length > 0) this.#write('facts', { task: this.#order.task, facts: this.#facts });
    this.#facts = [];
    if (this.#rows.size > 0) this.#write('rows', [...this.#rows.values()], Math.max(this.#seq, this.#hub.board.seq));
    this.#rows.clear();
  }

  #write(event: string, data: unknown, id?: number): void {
    const head = id === undefined ? '' : `id: ${id}\n`;
    this.#controller?.enqueue(this.#encoder.encode(`${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  #comment(): void {
    if (this.#controller !== null && (this.#controller.desiredSize ?? 0) > 0) {
      this.#controller.enqueue(this.#encoder.encode(': still here\n\n'));
    }
  }
}
