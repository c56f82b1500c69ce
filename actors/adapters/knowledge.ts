/**
 * The knowledge base from the settings. Owns: which store is opened, and when. Does not own: a store.
 */
import type { Settings } from '../../config/settings.ts';
import type { KnowledgeStore } from '../../knowledge/port.ts';
import { openSqliteStore } from '../../knowledge/sqlite-store.ts';
import type { RuntimeLog } from '../runtime/ports.ts';
import type { Part } from './part.ts';

/** Opened at its first use: a process may start before the index exists. */
export function knowledgePart(settings: Settings, log: RuntimeLog): Part<() => KnowledgeStore> {
  let opened: KnowledgeStore | undefined;
  const open = (): KnowledgeStore => {
    const store = openSqliteStore(settings.MESH_KNOWLEDGE_PATH);
    if (store.setAside)
      log.warn(store.setAside, 'the knowledge base was unreadable and was set aside; run ./mesh index again');
    return store;
  };
  return {
    port: () => {
      opened ??= open();
      return opened;
    },
    status: () => ({ capabilities: ['store:sqlite'] }),
  };
}
