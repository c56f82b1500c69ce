/** What takes an edit of a mesh of one's own: only what hosts something of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type OwnDescription, ownMeshDescriber, takenBy } from '../../../cli/supervisor/own-folder.ts';

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

test('a mistake is told with its file and line, and a config that goes away is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-own-'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const config = join(folder, 'mesh.config.ts');
  const role = join(folder, 'roles', 'clerk.ts');
  mkdirSync(join(folder, 'roles'));
  writeFileSync(config, "import './roles/clerk.ts';\nexport default {};\n");
  vi.stubEnv('MESH_CONFIG', config);
  const describe = ownMeshDescriber();
  const told = async (text: string): Promise<string> => {
    writeFileSync(role, text);
    return describe().then(
      () => 'taken',
      (error: Error) => error.message,
    );
  };
  expect(await told('\nexport const clerk = {{{\n')).toMatch(/roles\/clerk\.ts: line 2: Unexpected token/);
  expect(await told('\n\nenum A { B }\n')).toMatch(
    /roles\/clerk\.ts: line 3: TypeScript enum .*; Node takes types away/,
  );
  expect(await told("throw new Error('of its own');\n")).toMatch(/roles\/clerk\.ts: line 1: of its own$/);
  rmSync(config);
  expect(await told('export {};\n')).toMatch(/there is no such file/);
});
