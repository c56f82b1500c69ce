/**
 * Answers the caller in words. Owns: nothing but being a writer of answers. Does not own: how text is made.
 */
import type { RoleDefinition } from '../../runtime/role.ts';
import { createWriterMachine } from '../writer.ts';

export const role: RoleDefinition = {
  name: 'responder',
  service: 'agents',
  asks: ['llm'],
  startsOn: ['hop.requested'],
  versions: [{ since: 1, machine: createWriterMachine({ id: 'responder', purpose: 'answer' }) }],
};
