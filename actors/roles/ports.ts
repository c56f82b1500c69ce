/**
 * What the effects of roles may reach. Owns: the list. Does not own: any of them; `actors/main.ts` builds the real ones.
 */
import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { Router } from '../../router/port.ts';
import type { Workflow } from '../workflows/index.ts';
import type { LlmEngine } from './llm/engines/port.ts';
import type { Tool } from './tools/builtin/port.ts';

export interface RolePorts {
  readonly router: Router;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** Opened at first use: the process may start before the index exists. */
  knowledge(): KnowledgeStore;
  /** The configured engine; the extractive one when none is. */
  readonly engine: LlmEngine;
  /** Always there. */
  readonly extractive: LlmEngine;
  /** Time one generation may take, milliseconds. */
  readonly generationTimeoutMs: number;
  readonly tools: readonly Tool[];
  /** Shows generated text to whoever watches the task; numbered pieces, not stored. */
  showText(correlationId: string, attempt: number): (piece: string) => void;
}
