/**
 * The thread that repairs run on. Owns the choice of the repairer by language and the compilers they keep.
 */
import { parentPort } from 'node:worker_threads';
import { createPythonChecker, type PythonChecker } from '../../../reviewer/checks/python-check.ts';
import { isTypeScriptFamily } from '../../../reviewer/checks/typescript-check.ts';
import { createTypeScriptService, type TypeScriptService } from '../../../reviewer/checks/typescript-service.ts';
import { repairJson, repairYaml } from './data-repair.ts';
import { repairPython } from './python-repair.ts';
import type { RepairedCode } from './repair-code.ts';
import { repairTypeScript } from './typescript-repair.ts';

export interface RepairRequest {
  readonly language: string;
  readonly text: string;
}

export type RepairReply = RepairedCode;

let typeScript: TypeScriptService | null = null;
let python: PythonChecker | null = null;

function repair({ language, text }: RepairRequest): RepairReply {
  if (isTypeScriptFamily(language)) {
    typeScript ??= createTypeScriptService();
    return repairTypeScript(typeScript, language, text);
  }
  switch (language) {
    case 'python':
      python ??= createPythonChecker();
      return repairPython(python, text);
    case 'json':
      return repairJson(text);
    case 'yaml':
      return repairYaml(text);
    default:
      return { text, repairs: [], errorsLeft: 1 };
  }
}

parentPort?.on('message', (request: RepairRequest) => parentPort?.postMessage(repair(request)));
