/**
 * The thread that runs the language checks. Owns the checkers it builds on first use and keeps; limits, time-outs and
 * the checks that hold for every language stay with check-code.ts.
 */
import { parentPort } from 'node:worker_threads';
import type { Finding } from '../../../../schemas/events/generated.ts';
import { JSON_CHECKER, jsonFindings, YAML_CHECKER, yamlFindings } from './data-check.ts';
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

const typeScript = once(createTypeScriptService);
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
    default:
      return { findings: [], checkedBy: [] };
  }
}

parentPort?.on('message', (request: CheckRequest) => parentPort?.postMessage(check(request)));
