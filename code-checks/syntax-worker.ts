/** The process that reads syntax for a worker pool. Owns: nothing else. */
import { serve } from '../worker-pool/serve.ts';
import type { CheckRequest } from './check-worker.ts';
import { checkSyntax } from './syntax-check.ts';

serve<CheckRequest>({ run: ({ language, text }) => checkSyntax(language, text) });
