/**
 * Repairs JSON and YAML. Owns only the reporting of what was done: jsonrepair does the work on JSON (quotes, commas,
 * comments, brackets), and of YAML only tabs in the indentation can be repaired without guessing.
 */
import { jsonrepair } from 'jsonrepair';
import { jsonFindings, yamlFindings } from '../../../../code-checks/data-check.ts';
import type { Repair, RepairedCode } from './repair-code.ts';

export function repairJson(text: string): RepairedCode {
  const before = jsonFindings(text);
  if (before.length === 0) return { text, repairs: [], errorsLeft: 0 };
  const repaired = repairedJson(text);
  const errorsLeft = jsonFindings(repaired).length;
  if (errorsLeft > 0 || repaired === text) return { text, repairs: [], errorsLeft: before.length };
  const what = 'brought into the form RFC 8259 asks for';
  const lines = [...new Set(before.map((finding) => finding.line))];
  const repairs = lines.map((line): Repair => ({ rule: 'json-syntax', line, what }));
  return { text: repaired, repairs, errorsLeft };
}

function repairedJson(text: string): string {
  try {
    return jsonrepair(text);
  } catch (error) {
    // jsonrepair throws for a text it cannot read as JSON at all: then there is nothing to repair.
    if (error instanceof Error && error.name === 'JSONRepairError') return text;
    throw error;
  }
}

export function repairYaml(text: string): RepairedCode {
  const errors = (candidate: string): number =>
    yamlFindings(candidate).filter((finding) => finding.severity === 'error').length;
  const before = errors(text);
  const repaired = text.replace(/^[ \t]+/gm, (indent) => indent.replaceAll('\t', '  '));
  if (before === 0 || repaired === text || errors(repaired) >= before) return { text, repairs: [], errorsLeft: before };
  const what = 'tabs of the indentation became spaces';
  return { text: repaired, repairs: [{ rule: 'yaml-syntax', line: 0, what }], errorsLeft: errors(repaired) };
}
