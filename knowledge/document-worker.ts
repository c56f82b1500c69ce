/** The worker in which documents are read. */
import { readFile } from 'node:fs/promises';
import { serve } from '../worker-pool/serve.ts';
import type { DocumentToRead } from './document-lane.ts';
import { readDocument } from './documents.ts';

serve<DocumentToRead>({ run: async ({ path }) => readDocument(path, await readFile(path)) });
