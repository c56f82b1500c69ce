/**
 * Process of a worker: `node bench/peers/worker.ts PROGRAM ADDRESS`. Owns: loading the program and saying when it is
 * ready. Does not own: what it works on.
 */
import { pathToFileURL } from 'node:url';
import { createJob } from './job.ts';
import type { ProgramModule } from './system.ts';

const [program = '', address = ''] = process.argv.slice(2);
const { work } = (await import(pathToFileURL(program).href)) as ProgramModule;
if (work === undefined) throw new Error(`${program} has no worker`);
await work(address, createJob());
process.stdout.write('ready\n');
