/**
 * What servers do, as they do it on the wire: one entry a behaviour, played by a real HTTP server. Owns: the order of the
 * families, and the table of docs/models.md, which shows the outcome. The names of servers say where a behaviour was seen,
 * not that it is theirs alone.
 */
import { answerForms } from './answer-forms.ts';
import type { Behaviour } from './behaviour.ts';
import { contexts } from './contexts.ts';
import { endings } from './endings.ts';
import { errors } from './errors.ts';
import { modelLists } from './model-lists.ts';
import { thoughtsAndTemplates, unreadableWriting } from './model-text.ts';
import { ollamaApi } from './ollama-api.ts';
import { refusedParameters, replyLimits } from './refused-requests.ts';

export const behaviours: readonly Behaviour[] = [
  ...refusedParameters,
  ...replyLimits,
  ...unreadableWriting,
  ...contexts,
  ...answerForms,
  ...thoughtsAndTemplates,
  ...ollamaApi,
  ...endings,
  ...errors,
  ...modelLists,
];

/** The table of docs/models.md; `node tests/unit/engines/server-behaviours/index.ts` prints it. */
export function tableOf(list: readonly Behaviour[]): string {
  const rows = list.map(({ server, does, gives: { answer, error, requests } }) => {
    const came =
      error === undefined
        ? answer?.includes('(')
          ? 'answered, and said to be incomplete'
          : 'answered'
        : `\`${error}\`, with the server’s words`;
    return `| ${server} | ${does} | ${came} | ${requests} |`;
  });
  return ['| server | what it does | what comes of it | requests |', '|---|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) process.stdout.write(`${tableOf(behaviours)}\n`);
