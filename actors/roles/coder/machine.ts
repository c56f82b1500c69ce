/**
 * Writes code, and tells the reviewer what it made of the last review. Owns: that message. Does not own: how code is
 * made.
 */
import type { HopOutput } from '../../../schemas/events/generated.ts';
import type { Incoming, Outgoing, RoleDefinition } from '../../runtime/role.ts';
import { type HopContext, requestOf, type Wanted } from '../hop.ts';
import { say } from '../message.ts';
import { createWriterMachine } from '../writer.ts';

/** A revision is announced to the reviewer: which attempt it is and how each finding was met. */
function announce(context: HopContext, output: HopOutput, event: Incoming<'llm.replied'>): readonly Outgoing[] {
  const { review } = requestOf(context).input;
  const { code } = output;
  if (!code || review?.verdict !== 'changes_requested') return [];
  const data = { attempt: code.attempt, language: code.language, answeredFindings: review.findings.length };
  return [say(event, 'reviewer', `Attempt ${code.attempt}: ${code.explanation}`, data)];
}

const machineFor = (wants: Wanted) =>
  createWriterMachine({ ...{ id: 'coder', wants }, announce, passesStanding: true });

export const role: RoleDefinition = {
  name: 'coder',
  service: 'agents',
  asks: ['llm'],
  startsOn: ['hop.requested', 'agent.message'],
  versions: [
    { since: 1, machine: createWriterMachine({ id: 'coder', wants: { purpose: 'code' }, announce }) },
    { since: 4, machine: machineFor({ purpose: 'code' }) },
    { since: 5, machine: machineFor({ skill: 'code' }) },
  ],
};
