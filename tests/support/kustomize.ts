/**
 * Renders Kubernetes overlays as a user does. Owns: finding a renderer, and overlays that a test makes. Does not own:
 * what is right in them.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../config/settings.ts';

const exec = promisify(execFile);
const RENDERERS = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
] as const;

/** @throws Error that says what to install, or what the renderer says */
export async function render(folder: string): Promise<string> {
  for (const [command, verb] of RENDERERS) {
    try {
      return (await exec(command, [verb, folder], { maxBuffer: 16 * 1024 * 1024 })).stdout;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error('these tests render with kubectl or kustomize: install one of them');
}

/** Renders an overlay of the text given, on a copy of k8s/ that is removed afterwards. */
export async function renderOverlay(kustomization: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-overlay-'));
  try {
    cpSync(join(projectRoot, 'k8s'), folder, { recursive: true });
    const overlay = join(folder, 'overlays', 'mine');
    mkdirSync(overlay);
    writeFileSync(join(overlay, 'kustomization.yaml'), kustomization);
    return await render(overlay);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
