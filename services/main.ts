/**
 * The one entry point of every service: `node services/main.ts <name>`. Owns: finding the entry in the table. Does not
 * own: anything a process needs (`run-service.ts`), or what a service does.
 */
import { keepFilesPrivate } from '../config/private-files.ts';
import { runService } from './run-service.ts';

keepFilesPrivate();
await runService(process.argv[2] ?? '');
