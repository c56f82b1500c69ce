/**
 * The tools of a mesh as others see them, in KV `mesh-registry`. Owns: the form of the catalogue and its bound. Does not
 * own: the tools. The tools service writes it; `mesh mcp` reads it, so that it knows every tool without being one.
 */
import { z } from 'zod';
import { TOOL_CATALOGUE_KEY } from '../bus/layout.ts';
import type { Bus } from '../bus/port.ts';

/** After a start, other things come first: listing loads every tool. */
const FIRST_AFTER_MS = 2000;
const EVERY_MS = 5000;
/** Entries of the bucket go after a day. */
const AGAIN_AFTER_MS = 3_600_000;
/** A message holds 1 MiB. */
const BYTES_MAX = 700_000;

const catalogue = z.object({
  tools: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      inputSchema: z.looseObject({}),
      /** How a call may be repeated. */
      fence: z.enum(['pure', 'keyed', 'once']),
    }),
  ),
});

export type CatalogueTool = z.infer<typeof catalogue>['tools'][number];

interface Log {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The tools that the mesh offers now; empty when no tools service has said so. */
export async function readCatalogue(bus: Bus): Promise<CatalogueTool[]> {
  const entry = await bus.kv('registry').get(TOOL_CATALOGUE_KEY);
  if (entry === null) return [];
  const parsed = catalogue.safeParse(JSON.parse(entry.value));
  return parsed.success ? parsed.data.tools : [];
}

/** Writes the catalogue in the background, again when it changes. Returns the function that ends it. */
export function publishCatalogue(bus: Bus, list: () => Promise<readonly object[]>, log: Log): () => Promise<void> {
  let written = '';
  let writtenAtMs = 0;
  let writing: Promise<void> | null = null;
  const write = async (): Promise<void> => {
    const text = fitted(await list(), log);
    if (text === written && Date.now() - writtenAtMs < AGAIN_AFTER_MS) return;
    await bus.kv('registry').put(TOOL_CATALOGUE_KEY, text);
    written = text;
    writtenAtMs = Date.now();
  };
  const begin = (): void => {
    writing ??= write()
      .catch((error: unknown) => log.debug({ error: String(error) }, 'the catalogue of tools was not written'))
      .finally(() => {
        writing = null;
      });
  };
  const first = setTimeout(begin, FIRST_AFTER_MS);
  const timer = setInterval(begin, EVERY_MS);
  for (const one of [first, timer]) one.unref();
  return async () => {
    clearTimeout(first);
    clearInterval(timer);
    await writing;
  };
}

function fitted(tools: readonly object[], log: Log): string {
  let taken = tools;
  for (;;) {
    const text = JSON.stringify({ tools: taken });
    if (Buffer.byteLength(text) <= BYTES_MAX) return text;
    taken = taken.slice(0, Math.floor(taken.length * 0.8));
    log.warn({ tools: tools.length, listed: taken.length }, 'not all tools fit into the catalogue');
  }
}
