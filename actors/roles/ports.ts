/**
 * What the effects of roles may reach. Owns: the list. Does not own: any of them; `actors/main.ts` brings the real
 * ones, from the settings.
 */
import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { Router } from '../../router/port.ts';
import type { Breakers } from '../breakers.ts';
import type { Workflow } from '../workflows/index.ts';
import type { OpenAiOptions } from './llm/engines/openai.ts';
import type { Toolbox } from './tools/toolbox.ts';

export interface RolePorts {
  readonly router: Router;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** Opened at first use: the process may start before the index exists. */
  knowledge(): KnowledgeStore;
  readonly llm: {
    /** Null: no endpoint is configured, the extractive engine does the work. */
    readonly openai: OpenAiOptions | null;
    /** Time one generation may take, milliseconds. */
    readonly timeoutMs: number;
  };
  readonly tools: Toolbox;
  /** Of this process: what keeps failing is left alone for a while. */
  readonly breakers: Breakers;
  /** Shows generated text to whoever watches the task; numbered pieces, not stored. */
  showText(correlationId: string, attempt: number): (piece: string) => void;
}
