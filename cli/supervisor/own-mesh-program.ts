/**
 * Prints what the mesh of one's own brings, as JSON, or what is wrong with it: run as a program by `own-folder.ts`, since a
 * module that was loaded once stays as it was. Owns: the description. Does not own: its form.
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadEnvFile, readSettings } from '../../config/settings.ts';
import { addedRolesOf } from '../../services/adapters/added-roles.ts';
import { allRoles, allWorkflows, ownMesh } from '../../services/adapters/own-mesh.ts';
import { note, printJsonLine } from '../terminal.ts';
import { exitWhenWritten } from '../written.ts';
import type { OwnDescription } from './own-folder.ts';

async function main(): Promise<number> {
  try {
    loadEnvFile();
    const own = await ownMesh();
    const roles = await allRoles();
    await allWorkflows(readSettings(), roles);
    const description: OwnDescription = {
      roles: Object.fromEntries(addedRolesOf(roles).map(({ name, service }) => [name, service])),
      hasTools: own.tools.length > 0,
      workflows: [...own.workflows],
      knowledge: [...(own.knowledge ?? [])],
      workflowsDigest: hash('sha256', own.workflows.map((path) => readFileSync(path, 'utf8')).join('\n')),
      promptsDigest: hash('sha256', JSON.stringify(own.prompts)),
    };
    printJsonLine(description);
    return 0;
  } catch (error) {
    for (const line of (error instanceof Error ? error.message : String(error)).split('\n')) note(line);
    return 2;
  }
}

await exitWhenWritten(await main());
