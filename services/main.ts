/**
 * The one entry point of every service: `node services/main.ts <name>`. Owns: finding the entry in the table. Does not
 * own: anything a process needs (`run-service.ts`), or what a service does.
 */
import { runService } from './run-service.ts';

await runService(process.argv[2] ?? '');
