/** The process that takes requests apart and compiles: foreign text in the hands of a compiler. Owns: nothing else. */
import { serve } from '../../worker-pool/serve.ts';
import { type CodeToTry, compileTrials } from './compile.ts';

serve<{ readonly code: CodeToTry; readonly prompt: string }>({
  run: ({ code, prompt }) => ({ program: compileTrials(code, prompt) }),
});
