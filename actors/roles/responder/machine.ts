/**
 * Answers the caller in words. Owns: nothing but being a writer of answers, and that a tool's own word is one. Does not
 * own: how text is made.
 */
import type { RoleDefinition } from '../../runtime/role.ts';
import type { Wanted } from '../hop.ts';
import { verbatimAnswer } from '../tool-answer.ts';
import { createWriterMachine } from '../writer.ts';

const machineFor = (wants: Wanted) =>
  createWriterMachine({
    ...{ id: 'responder', wants, passesStanding: true },
    verbatim: ({ input }) => verbatimAnswer(input),
  });

export const role: RoleDefinition = {
  name: 'responder',
  service: 'agents',
  asks: ['llm'],
  stepMs: 180_000,
  startsOn: ['hop.requested'],
  versions: [
    { since: 1, machine: createWriterMachine({ id: 'responder', wants: { purpose: 'answer' } }) },
    { since: 4, machine: machineFor({ purpose: 'answer' }) },
    { since: 5, machine: machineFor({ skill: 'answer' }) },
  ],
};
