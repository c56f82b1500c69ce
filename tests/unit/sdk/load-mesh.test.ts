/** A `mesh.config.ts`: what it brings, and a clear word about each mistake in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { meshConfigPath, projectRoot, SettingsError } from '../../../config/settings.ts';
import { loadMesh } from '../../../sdk/load-mesh.ts';
import { loadCatalog } from '../../../simulation/catalog.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
writeFileSync(join(folder, 'code.md'), 'Write it short.\n');
writeFileSync(join(folder, 'empty.md'), '\n');
writeFileSync(
  join(folder, 'hail.json'),
  '{"name":"hail","description":"Hail.","steps":[{"step":"hail","role":"crier"}]}',
);

let written = 0;
/** A config is read once in a process, so each has a name of its own. */
function config(fields: string, before = ''): string {
  written += 1;
  const path = join(folder, `${written}.mesh.config.ts`);
  const sdk = join(projectRoot, 'sdk', 'index.ts');
  const head = `import { defineMesh, defineRole, defineTool, workMachine } from '${sdk}';`;
  writeFileSync(path, `${head}\n${before}\nexport default defineMesh({ ${fields} });\n`);
  return path;
}

const crier = `const crier = defineRole({ name: 'crier', machine: workMachine('crier') });`;
const bell = (name: string): string =>
  `const bell = defineTool({ name: '${name}', description: 'Rings.', input: { type: 'object' }, fence: 'once', run: () => 'dong' });`;

test('roles, tools, workflows, prompts and documents, by their paths from the config', async () => {
  const fields = `roles: [crier], tools: [bell], workflows: ['./*.json'], prompts: { code: 'code.md' }, knowledge: ['deep']`;
  const own = await loadMesh(config(fields, `${crier}\n${bell('bell')}`));
  expect(own).toMatchObject({ folder, prompts: { code: 'Write it short.' } });
  expect(own.roles.map(({ name, service }) => [name, service])).toEqual([['crier', 'agents']]);
  expect(own.tools.map(({ name, fence }) => [name, fence])).toEqual([['bell', 'once']]);
  expect(own.workflows).toEqual([join(folder, 'hail.json')]);
  expect(own.knowledge).toEqual([join(folder, 'deep')]);
  const { workflows, roles } = await loadCatalog(own);
  expect(workflows.get('hail')?.steps.map(({ role }) => role)).toEqual(['crier']);
  expect(roles.map(({ name }) => name)).toContain('crier');
});

describe('a mistake is named', () => {
  test.each([
    [`rolls: []`, '', 'rolls'],
    [`roles: [{ name: 'crier' }]`, '', 'roles.0: make it by defineRole'],
    [`roles: [crier]`, crier.replaceAll("'crier'", "'coder'"), 'roles: there are two roles called coder'],
    [`roles: [crier]`, crier.replace("name: 'crier'", "name: 'Town Crier'"), 'lower-case letters and digits'],
    [`roles: [crier]`, crier.replace("name: 'crier'", "name: 'watchers'"), 'a role cannot be called watchers'],
    [`tools: [bell, bell]`, bell('bell'), 'tools: there is a tool bell already'],
    [`tools: [bell]`, bell('calculator'), 'tools: there is a tool calculator already'],
    [`tools: [bell]`, bell('bell').replace("'object'", "'thing'"), 'tool bell: its input is no JSON Schema'],
    [`tools: [bell]`, bell('bell').replace("'once'", "'twice'"), 'fence is one of pure, keyed, once'],
    [`workflows: ['nowhere/*.json']`, '', 'workflows: there is nothing at nowhere/*.json'],
    [`prompts: { code: 'none.md' }`, '', 'prompts.code: there is no file none.md'],
    [`prompts: { code: 'empty.md' }`, '', 'prompts.code: empty.md is empty'],
    [`knowledge: ['none']`, '', 'knowledge: there is nothing at none'],
    [``, `throw new Error('of its own');`, 'of its own'],
    [
      `roles: [crier]`,
      crier.replace("'crier',", "'crier', service: 'kitchen',"),
      'one of agents, llm, tools, and not kitchen',
    ],
    [
      `roles: [crier]`,
      crier.replace("'crier',", "'crier', asks: ['llama'],"),
      'roles: crier asks llama, and there is no such',
    ],
  ])('%s %s', async (fields, before, message) => {
    const path = config(fields, before);
    await expect(loadMesh(path)).rejects.toThrow(SettingsError);
    await expect(loadMesh(path)).rejects.toThrow(message);
  });

  test('nothing is exported', async () => {
    const path = join(folder, 'none.mesh.config.ts');
    writeFileSync(path, 'export const mesh = {};\n');
    await expect(loadMesh(path)).rejects.toThrow('it has no default export');
  });
});

describe('where it is looked for', () => {
  test('in the folder and those above it', () => {
    const path = join(folder, 'mesh.config.ts');
    expect(meshConfigPath({}, join(folder, 'deep', 'er'))).toBeNull();
    writeFileSync(path, 'export default {};\n');
    expect(meshConfigPath({}, join(folder, 'deep', 'er'))).toBe(path);
    expect(meshConfigPath({ MESH_CONFIG: '' }, folder)).toBe(path);
    rmSync(path);
  });

  test('where MESH_CONFIG says, and nowhere else', () => {
    expect(meshConfigPath({ MESH_CONFIG: 'code.md' }, folder)).toBe(join(folder, 'code.md'));
    expect(() => meshConfigPath({ MESH_CONFIG: 'none.ts' }, folder)).toThrow(
      /^MESH_CONFIG=none.ts: there is no such file/,
    );
  });

  test('not above the product, which is a mesh itself', () => {
    expect(meshConfigPath({}, join(projectRoot, 'docs'))).toBeNull();
  });
});
