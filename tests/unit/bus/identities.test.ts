/** The table of identities, held against what the mesh is made of. */
import { describe, expect, it } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { type AddedRole, hostedRoles, type Identity, identities, permissionsOf } from '../../../bus/identities.ts';
import { matchesFilter } from '../../../bus/subject-filter.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject, inboxSubject, journalSubject } from '../../../schemas/events/subjects.ts';
import { supervisedServices } from '../../../services/table.ts';

const may = (subject: string): Identity[] =>
  identities.filter((one) => permissionsOf(one)?.publish.some((filter) => matchesFilter(filter, subject)) ?? true);
const TASK = newCorrelationId();

describe('identities', () => {
  it('has every service, with the roles that it hosts', async () => {
    expect(
      supervisedServices.map(({ name }) => name).filter((name) => !identities.some((one) => one === name)),
    ).toEqual([]);
    const found: Record<string, string[]> = {};
    for (const { name, service } of await loadRoleDefinitions()) found[service] = [...(found[service] ?? []), name];
    expect(Object.fromEntries(Object.entries(found).map(([host, roles]) => [host, roles.sort()]))).toEqual(hostedRoles);
  });
  it.each([
    [factSubject(TASK), ['owner', 'agents']],
    [journalSubject('agents', 3), ['owner', 'agents']],
    [journalSubject('tools', 3), ['owner', 'tools']],
    ['mesh.checkpoint.llm.3', ['owner', 'llm']],
    [inboxSubject('llm', TASK), ['owner', 'agents', 'tools', 'dashboard']],
    ['mesh.tasks', ['owner', 'dashboard', 'public']],
    ['mesh.tasks.doors', ['owner', 'gateway', 'dashboard']],
    ['$KV.mesh-push.x', ['owner', 'gateway']],
    ['$KV.mesh-config.OBS_MODE', ['owner', 'gateway']],
    ['$KV.mesh-config.ROUTER_CONFIDENCE_THRESHOLD', ['owner']],
    ['$KV.mesh-leases.lease.agents=2E3', ['owner', 'agents']],
    ['$KV.mesh-registry.llm.somewhere', ['owner', 'llm']],
    ['$JS.API.STREAM.MSG.GET.KV_mesh-push', ['owner', 'gateway']],
    ['$JS.API.STREAM.CREATE.MESH', ['owner', 'keeper']],
    ['$JS.API.STREAM.UPDATE.MESH', ['owner', 'keeper']],
    ['$JS.API.STREAM.DELETE.MESH', ['owner']],
    ['$JS.API.STREAM.MSG.DELETE.MESH', ['owner', 'agents']],
  ] as const)('%s is written by %j alone', (subject, who) => {
    expect(may(subject)).toEqual(who);
  });
  it('lets every role that asks another one be answered: the tools ask the model, and it answers them', () => {
    const hosts = Object.entries(hostedRoles).map(([host, roles]) => [host as Identity, roles] as const);
    const refused = hosts.flatMap(([host]) =>
      hosts
        .filter(([other]) => other !== host)
        .flatMap(([, roles]) => roles.map((role) => inboxSubject(role, TASK)))
        .filter((inbox) => !may(inbox).includes(host))
        .map((inbox) => `${host} ${inbox}`),
    );
    expect(refused).toEqual([]);
  });
  it('gives the agents, and who answers them, what roles of a user’s own need', () => {
    const inbox = inboxSubject('translator', TASK);
    const translator = { name: 'translator', service: 'agents' };
    const told = (who: Identity, added: readonly AddedRole[]) =>
      permissionsOf(who, added)?.publish.some((filter) => matchesFilter(filter, inbox));
    expect(['agents', 'llm', 'tools'].map((who) => told(who as Identity, [translator]))).toEqual([false, true, true]);
    expect(told('llm', [])).toBe(false);
    const reads = '$JS.API.CONSUMER.CREATE.MESH.any.mesh.in.translator.>';
    expect(permissionsOf('agents', [translator])?.publish).toContain(reads.replace('any', '*'));
  });
  it('gives nobody but the owner all of the API, or of a stream', () => {
    const wide = identities
      .flatMap((one) => permissionsOf(one)?.publish ?? [])
      .filter((subject) => /^(>|\$JS\.>|\$JS\.API\.>|\$KV\.>|mesh\.>)$|MESH\.\*\.>$/.test(subject));
    expect(wide).toEqual([]);
  });
});
