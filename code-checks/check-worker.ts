/**
 * The worker that runs the language checks. Owns the checkers it builds on first use and keeps; limits and time-outs stay with check-code.ts.
 */

import type { Finding } from '../schemas/events/generated.ts';
import { serve } from '../worker-pool/serve.ts';
import { JSON_CHECKER, jsonFindings, TOML_CHECKER, tomlFindings, YAML_CHECKER, yamlFindings } from './data-check.ts';
import { createPythonChecker, pythonFindings } from './python-check.ts';
import { isTypeScriptFamily, typeScriptFindings } from './typescript-check.ts';
import { createTypeScriptService } from './typescript-service.ts';

export interface CheckRequest {
  readonly language: string;
  readonly text: string;
}

export interface CheckReply {
  readonly findings: Finding[];
  /** Empty when the language has no checker. */
  readonly checkedBy: string[];
}

function once<T>(build: () => T): () => T {
  let built: { readonly value: T } | null = null;
  return () => {
    built ??= { value: build() };
    return built.value;
  };
}

const typeScript = once(() => {
  const service = createTypeScriptService();
  typeScriptFindings(service, 'typescript', 'export const ready: boolean = true;');
  return service;
});
const python = once(createPythonChecker);

function check({ language, text }: CheckRequest): CheckReply {
  if (isTypeScriptFamily(language)) {
    const host = typeScript();
    return { findings: typeScriptFindings(host, language, text), checkedBy: [host.checker] };
  }
  switch (language) {
    case 'python':
      return { findings: pythonFindings(python(), text), checkedBy: [python().checker] };
    case 'json':
      return { findings: jsonFindings(text), checkedBy: [JSON_CHECKER] };
    case 'yaml':
      return { findings: yamlFindings(text), checkedBy: [YAML_CHECKER] };
    case 'toml':
      return { findings: tomlFindings(text), checkedBy: [TOML_CHECKER] };
    default:
      return { findings: [], checkedBy: [] };
  }
}

/** A compiler reads its libraries at its first text: seconds that are no fault of the next one. */
function prepare({ language }: CheckRequest): void {
  if (isTypeScriptFamily(language)) typeScript();
  else if (language === 'python') python();
}

serve<CheckRequest>({ prepare, run: check });
