/**
 * check_code: the reviewer's static checks as a tool. Owns: reading the request and the words of the answer. Does not
 * own: the checks, which run in a thread of their own and never run the code.
 */

import { checkCode, extractCode, guessLanguage } from '../../../../code-checks/index.ts';
import type { Finding } from '../../../../schemas/events/generated.ts';
import { defineTool, type Tool } from './port.ts';

/** What the checks themselves take. */
const CODE_CHARS_MAX = 100_000;

/**
 * A text is looked at by several checkers, one after the other, each with a limit of work of its own (code-checks/), which
 * comes first: that one was not done is an answer. Waiting for a worker costs nothing; there callers and tasks take turns.
 */
const CAPS = { timeoutMs: 110_000, concurrencyMax: 24 };

export function checkCodeTool(): Tool {
  return defineTool<{ code: string; language?: string }>({
    name: 'check_code',
    description:
      'Checks code without running it: syntax and, for TypeScript, types; JavaScript, Python, JSON and YAML too. The language is guessed when it is not named.',
    inputSchema: {
      type: 'object',
      properties: {
        code: { type: 'string', minLength: 1, maxLength: CODE_CHARS_MAX },
        language: { type: 'string', maxLength: 40, nullable: true },
      },
      required: ['code'],
      additionalProperties: false,
    },
    fence: 'pure',
    caps: CAPS,
    match(prompt) {
      if (
        !/^\s*(?:please )?(?:check_code|check (?:the )?(?:syntax|types)|lint|type-?check|does (?:this|it) (?:compile|parse))\b/i.test(
          prompt,
        )
      )
        return null;
      const code = extractCode(prompt);
      if (code === null) return null;
      return {
        arguments: { code: code.text, ...(code.language === '' ? {} : { language: code.language }) },
        score: 0.9,
      };
    },
    async run({ code, language }, { signal, idempotencyKey, flow, waits }) {
      const named = language ?? guessLanguage(code) ?? '';
      const { findings, checkedBy } = await checkCode(
        { language: named, text: code },
        {
          ...{ signal, task: idempotencyKey },
          ...(flow === undefined ? {} : { flow }),
          ...(waits === undefined ? {} : { waits }),
        },
      );
      const by =
        checkedBy.length === 0 ? '' : ` (${checkedBy.join(', ')}${language === undefined ? `, as ${named}` : ''})`;
      if (findings.length === 0) return `No findings${by}.`;
      return [`${findings.length} finding${findings.length === 1 ? '' : 's'}${by}:`, ...findings.map(lineOf)].join(
        '\n',
      );
    },
  });
}

function lineOf({ severity, line, rule, message }: Finding): string {
  return `${line === 0 ? '' : `line ${line}: `}${severity}: ${message} [${rule}]`;
}
