/**
 * Answers the caller in words. Owns: nothing but being a writer of answers, and that a tool's own word is one. Does not
 * own: how text is made.
 */
import type { RoleDefinition } from '../../runtime/role.ts';
import { verbatimAnswer } from '../tool-answer.ts';
import { createWriterMachine } from '../writer.ts';

export const role: RoleDefinition = {
  name: 'responder',
  service: 'agents',
  asks: ['llm'],
  stepMs: 180_000,
  startsOn: ['hop.requested'],
  versions: [
    { since: 1, machine: createWriterMachine({ id: 'responder', purpose: 'answer' }) },
    {
      since: 4,
      machine: createWriterMachine({
        ...{ id: 'responder', purpose: 'answer', passesStanding: true },
        verbatim: ({ input }) => verbatimAnswer(input),
      }),
    },
  ],
};
