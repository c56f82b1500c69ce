/**
 * Systems that are a library and a file: LangGraph.js and Mastra. Owns: where the file is. Does not own: what runs
 * (programs/).
 */
import { join } from 'node:path';
import type { System } from '../system.ts';

export function inProcess(program: string): System {
  return {
    inProcess: true,
    start: () => Promise.resolve(),
    callers: ({ installDir, dataDir }) =>
      Promise.resolve({ program: join(installDir, program), address: join(dataDir, 'state.db') }),
  };
}
