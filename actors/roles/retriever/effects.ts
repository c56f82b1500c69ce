/**
 * Searches the knowledge base. Owns: how many passages a task carries. Does not own: the search.
 */
import { attribute } from '../../../telemetry/spans.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import type { SearchInput, SearchOutput } from './machine.ts';

/** Enough for an answer; each goes through several events. */
const PASSAGES_MAX = 8;
/** Passages that score below this share of the best one are noise. */
const SCORE_SHARE_MIN = 0.4;
const SEARCH_TIMEOUT_MS = 15_000;

export function createEffects({ knowledge }: RolePorts): EffectHandlers {
  return {
    search: effect<SearchInput, SearchOutput>(
      { fence: 'pure', timeoutMs: SEARCH_TIMEOUT_MS },
      async ({ query }, { signal, span }) => {
        const found = await knowledge().search(query, { limit: PASSAGES_MAX, signal });
        const { engine, problem } = found;
        const best = found.passages[0]?.score ?? 0;
        const passages = found.passages.filter(({ score }) => score >= best * SCORE_SHARE_MIN);
        span.set({
          [attribute.operation]: 'retrieval',
          [attribute.topK]: PASSAGES_MAX,
          [attribute.passages]: passages.length,
          [attribute.retrieveEngine]: engine,
          [attribute.retrieveFallback]: problem !== null,
        });
        // Its words may be those of a server that was given what the task is about.
        if (problem !== null) span.content?.(() => ({ [attribute.retrieveProblem]: problem }));
        const alike = passages.reduce((sum, { id }) => sum + (found.alike?.[id]?.length ?? 0), 0);
        return { passages, engine, problem, ...(alike === 0 ? {} : { alike }) };
      },
    ),
  };
}
