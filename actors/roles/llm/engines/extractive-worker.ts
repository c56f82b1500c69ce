/** The worker in which the embedded engine reads large texts. Owns: nothing else. */
import { serve } from '../../../workers/serve.ts';
import { createExtractiveEngine } from './extractive.ts';
import type { EngineRequest } from './port.ts';

const engine = createExtractiveEngine();
/** Ended from outside, with its worker. */
const { signal } = new AbortController();

serve<EngineRequest>({ run: (request) => engine.generate(request, { signal }) });
