/**
 * The thread that repairs run on. Owns the choice of the repairer by language and the compilers they keep.
 */

import { createPythonChecker, type PythonChecker } from '../../../../code-checks/python-check.ts';
import { isTypeScriptFamily, typeScriptFindings } from '../../../../code-checks/typescript-check.ts';
import { createTypeScriptService, type TypeScriptService } from '../../../../code-checks/typescript-service.ts';
import { serve } from '../../../../worker-pool/serve.ts';
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

/** A compiler reads its libraries at its first text: seconds that are no fault of the next one. */
function prepare({ language }: RepairRequest): void {
  if (isTypeScriptFamily(language) && typeScript === null) {
    typeScript = createTypeScriptService();
    typeScriptFindings(typeScript, 'typescript', 'export const ready: boolean = true;');
  }
  if (language === 'python') python ??= createPythonChecker();
}

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

serve<RepairRequest>({ prepare, run: repair });
