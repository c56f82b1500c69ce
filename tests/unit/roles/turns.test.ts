/** Where work waits callers take turns: whose work it is, every role says by what its machine knows. */
import { expect, test } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { turnOf, turnOfActor } from '../../../actors/roles/share.ts';
import { RELEASE } from '../../../actors/runtime/role.ts';
import { given, received } from './support/given.ts';
import { request } from './support/samples.ts';

const roles = await loadRoleDefinitions();
const working = roles.filter(({ startsOn, name }) => startsOn.includes('hop.requested') && name !== 'orchestrator');
const alices = { caller: 'alice', priority: 'low' } as const;

test.each(working.map((role) => [role.name, role] as const))('%s: of whoever asked for the hop', (_name, role) => {
  const asked = { ...request('step'), share: alices };
  const { actor } = given(role).when(received('hop.requested', asked));
  expect(turnOfActor(actor?.snapshot.context)).toEqual({ flow: 'low alice', weight: 1 });
});

test('the orchestrator: of whoever submitted the task', () => {
  const orchestrator = roles.find(({ name }) => name === 'orchestrator');
  if (orchestrator === undefined) throw new Error('no orchestrator');
  const submitted = { prompt: 'hello', ...alices };
  const { actor } = given(orchestrator, RELEASE).when(received('task.submitted', submitted));
  expect(turnOfActor(actor?.snapshot.context)).toEqual(turnOf(alices));
});

test.each([[undefined], [null], [{}], [{ request: null }], [{ caller: 7, priority: 'urgent' }], [{ request: 'x' }]])(
  'a machine that says nothing of it (%j) is in the line of nobody',
  (context) => expect(turnOfActor(context)).toEqual(turnOf(undefined)),
);
