/** docs/observability.md against the code: what is named there exists, and what exists is named there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { envExample, projectRoot } from '../../../config/settings.ts';
import { attribute, effectSpanNames, spanNamed } from '../../../telemetry/spans.ts';

const text = readFileSync(join(projectRoot, 'docs', 'observability.md'), 'utf8');
const quoted = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code));
const names = [...Object.values(spanNamed), ...Object.values(effectSpanNames), 'agent.effect'];

describe('docs/observability.md', () => {
  test('explains every span that the mesh names', () => {
    expect(names.filter((name) => !text.includes(`| \`${name}\` |`))).toEqual([]);
  });

  test('explains every attribute', () => {
    expect(Object.values(attribute).filter((name) => !quoted.has(name))).toEqual([]);
  });

  test('names no span and no attribute that is gone', () => {
    const known = new Set<string>([...names, ...Object.values(attribute)]);
    const isName = (code: string): boolean => /^(?:mesh|agent|gen_ai|messaging|a2a)(?:\.[a-z_]+)+$/.test(code);
    const subjects = new Set(['mesh.in.coder']);
    expect([...quoted].filter((code) => isName(code) && !known.has(code) && !subjects.has(code))).toEqual([]);
  });

  test('names settings, files and metrics that there are', () => {
    const settings = envExample();
    const asked = [...quoted].filter((code) => /^(?:OBS|MESH)_[A-Z_]+$/.test(code) && code !== 'MESH_TELEMETRY');
    // The bucket's key of the window is no setting.
    expect(asked.filter((name) => name !== 'OBS_WINDOW' && !settings.includes(`#${name}=`))).toEqual([]);
    const files = [...quoted].filter((code) => /^(?:telemetry|services|monitoring)\/[\w./-]+\.\w+$/.test(code));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(readFileSync(join(projectRoot, file), 'utf8').length).toBeGreaterThan(0);
  });
});
