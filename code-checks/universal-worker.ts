/** The thread that runs the checks that hold for every language. Owns: nothing else. */
import { serve } from '../worker-pool/serve.ts';
import type { CheckReply, CheckRequest } from './check-worker.ts';
import { universalFindings } from './universal-check.ts';

serve<CheckRequest>({ run: ({ text }): CheckReply => ({ findings: universalFindings(text), checkedBy: [] }) });
