/**
 * What the effects of roles may reach. Owns: the list. Does not own: any of them; `services/` brings the real
 * ones, from the settings.
 */
import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { SkillBook } from '../../prompting/skill-book.ts';
import type { Breakers } from '../../resilience/breakers.ts';
import type { Router } from '../../router/port.ts';
import type { LlmRequestedData } from '../../schemas/events/generated.ts';
import type { Workflow } from '../workflows/index.ts';
import type { LlmEngine } from './llm/engines/port.ts';
import type { Toolbox } from './tools/toolbox.ts';

/** One generation of text; the request is unique in the task. */
export interface Generation extends Pick<LlmRequestedData, 'requestId'> {
  /** Name of the skill, or `text` where the asker reads the reply itself. */
  readonly purpose: string;
  readonly attempt: number;
}

export interface RolePorts {
  readonly router: Router;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** A workflow that a forked task brings along. @throws WorkflowError when it is none */
  readWorkflow(carried: unknown): Workflow;
  /** Opened at first use: the process may start before the index exists. */
  knowledge(): KnowledgeStore;
  readonly llm: {
    /** The configured engine, made at its first use; null: none is, and the extractive engine does the work. */
    readonly engine: (() => Promise<LlmEngine>) | null;
    /** Word of the configured engine in the name of its breaker: `llama`, `openai`, `ollama`. */
    readonly kind: string;
    /** Time one generation may take, milliseconds. */
    readonly timeoutMs: number;
    /** Generations at once, and how many may wait. */
    readonly parallel: number;
    readonly queueMax: number;
    /** Instructions in place of those of a skill, by its name. */
    readonly prompts?: Readonly<Record<string, string>>;
  };
  /** Whether code is run against the examples and tests in its request. */
  readonly runsExamples: boolean;
  /** What roles bring along for text that a model writes for them. */
  readonly skills: SkillBook;
  readonly tools: Toolbox;
  /** Of this process: what keeps failing is left alone for a while. */
  readonly breakers: Breakers;
  /** Shows generated text to whoever watches the task; numbered pieces, not stored. */
  showText(correlationId: string, generation: Generation): (piece: string) => void;
}
