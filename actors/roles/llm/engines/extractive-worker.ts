/** The worker in which the embedded engine reads large texts. Owns: loading the skill that is asked for. */
import type { NamedSkill } from '../../../../prompting/skill.ts';
import { loadSkill } from '../../../../prompting/skill-book.ts';
import { serve } from '../../../../worker-pool/serve.ts';
import { createExtractiveEngine } from './extractive.ts';
import type { EngineRequest } from './port.ts';

/** A request as it is handed over: functions cannot be, so the skill is loaded again. */
export interface ExtractiveRequest extends Omit<EngineRequest, 'skill'> {
  readonly skill: Omit<NamedSkill, 'skill'>;
}

const engine = createExtractiveEngine();
/** Ended from outside, with its worker. */
const { signal } = new AbortController();

serve<ExtractiveRequest>({
  prepare: async ({ skill: { module, name } }) => void (await loadSkill(module, name)),
  run: async (request) => {
    const { module, name } = request.skill;
    return engine.generate({ ...request, skill: await loadSkill(module, name) }, { signal });
  },
});
