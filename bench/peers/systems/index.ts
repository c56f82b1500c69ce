/** The systems by their names in the catalog. */
import type { System } from '../system.ts';
import { dbos } from './dbos.ts';
import { langgraph } from './langgraph.ts';
import { mastra } from './mastra.ts';
import { mesh } from './mesh.ts';
import { meshUp } from './mesh-up.ts';
import { restate } from './restate.ts';
import { temporal } from './temporal.ts';

const systems: Readonly<Record<string, System>> = {
  mesh,
  'mesh-up': meshUp,
  langgraph,
  restate,
  dbos,
  mastra,
  temporal,
};

export function systemNamed(name: string): System {
  const system = systems[name];
  if (system === undefined) throw new Error(`the catalog's ${name} has no file in systems/`);
  return system;
}
