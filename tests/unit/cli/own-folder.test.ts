/** What takes an edit of a mesh of one's own: only what hosts something of it. */
import { expect, test } from 'vitest';
import { type OwnDescription, takenBy } from '../../../cli/supervisor/own-folder.ts';

const mesh: OwnDescription = {
  roles: { clerk: 'agents' },
  hasTools: false,
  workflows: ['/m/workflows/letter.json'],
  knowledge: ['/m/docs'],
  workflowsDigest: 'w1',
  promptsDigest: 'p1',
};

test.each<[string, Partial<OwnDescription>, string[], object]>([
  ['a role’s code', {}, ['/m/roles/clerk.ts'], { services: ['agents'], roles: null, index: null }],
  ['code of a mesh with tools', { hasTools: true }, ['/m/tools/bell.ts'], { services: ['agents', 'tools'] }],
  ['a workflow', { workflowsDigest: 'w2' }, ['/m/workflows/letter.json'], { services: ['agents', 'gateway'] }],
  ['a prompt of the product', { promptsDigest: 'p2' }, ['/m/docs/code.md'], { services: ['llm'] }],
  ['documents', {}, ['/m/docs/a/b.md'], { services: [], index: ['/m/docs'] }],
  [
    'a role that is new, on another service',
    { roles: { clerk: 'agents', bell: 'tools' } },
    ['/m/mesh.config.ts'],
    {
      services: ['agents', 'tools', 'gateway'],
      roles: [
        { name: 'clerk', service: 'agents' },
        { name: 'bell', service: 'tools' },
      ],
    },
  ],
  ['a role that is gone', { roles: {} }, ['/m/mesh.config.ts'], { services: ['agents', 'gateway'], roles: [] }],
])('%s', (_, change, paths, taken) => {
  expect(takenBy(mesh, { ...mesh, ...change }, paths)).toMatchObject(taken);
});
