/**
 * What the router page and the knowledge page ask. Owns: the ports to them, and remembering what costs seconds. Does not
 * own: any router or knowledge base; `services/dashboard.ts` builds them at their first use.
 */
import type { KnowledgeStats, LeftOut, SearchResult } from '../../knowledge/port.ts';
import { skipWords } from '../../knowledge/skip-words.ts';
import { type Evaluation, figures, judge } from '../../router/evaluate.ts';
import { atTheStart, type Decided, type Router } from '../../router/port.ts';
import type { Sample } from '../../router/samples.ts';
import type { KnowledgeRoom, WorkflowShape } from '../wire.ts';

export interface RoomPorts {
  readonly router: () => Promise<Router>;
  readonly workflows: () => Promise<readonly WorkflowShape[]>;
  readonly samples: () => Promise<readonly Sample[]>;
  readonly knowledge: () => Promise<{ readonly stats: () => KnowledgeStats; readonly leftOut: () => LeftOut[] }>;
  readonly search: (query: string, limit: number) => Promise<SearchResult>;
}

const DECIDE_LIMIT_MS = 20_000;

export class Rooms {
  readonly #ports: RoomPorts;
  #evaluation: Promise<Evaluation> | null = null;

  constructor(ports: RoomPorts) {
    this.#ports = ports;
  }

  workflows(): Promise<readonly WorkflowShape[]> {
    return this.#ports.workflows();
  }

  /** How a query would be routed now. */
  async explain(query: string): Promise<Decided> {
    const router = await this.#ports.router();
    return router.decide(query, atTheStart, AbortSignal.timeout(DECIDE_LIMIT_MS));
  }

  /** Figures over the labelled queries that ship with the router; measured once in the life of the process. */
  evaluate(): Promise<Evaluation> {
    this.#evaluation ??= this.#measure().catch((error: unknown) => {
      this.#evaluation = null;
      throw error;
    });
    return this.#evaluation;
  }

  async knowledge(): Promise<KnowledgeRoom> {
    const base = await this.#ports.knowledge();
    return { ...base.stats(), leftOut: base.leftOut().map((one) => ({ ...one, words: skipWords[one.reason] })) };
  }

  search(query: string, limit: number): Promise<SearchResult> {
    return this.#ports.search(query, limit);
  }

  async #measure(): Promise<Evaluation> {
    const [router, samples] = await Promise.all([this.#ports.router(), this.#ports.samples()]);
    return figures(await judge(router, samples));
  }
}
