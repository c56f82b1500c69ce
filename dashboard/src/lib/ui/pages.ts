/** The pages. Owns: their names, places and icons, once for the rail, the palette and the keys. */
import BookOpen from '@lucide/svelte/icons/book-open';
import Inbox from '@lucide/svelte/icons/inbox';
import ListTree from '@lucide/svelte/icons/list-tree';
import Server from '@lucide/svelte/icons/server';
import ShieldAlert from '@lucide/svelte/icons/shield-alert';
import Split from '@lucide/svelte/icons/split';
import Zap from '@lucide/svelte/icons/zap';

export interface Page {
  readonly path: string;
  readonly name: string;
  readonly what: string;
  readonly icon: typeof Inbox;
  readonly advanced: boolean;
  /** After `g`. */
  readonly key: string;
}

export const pages: readonly Page[] = [
  { path: '/', name: 'Tasks', what: 'what runs and what ran', icon: ListTree, advanced: false, key: 't' },
  { path: '/inbox', name: 'Inbox', what: 'what waits for a person', icon: Inbox, advanced: false, key: 'i' },
  { path: '/services', name: 'Services', what: 'who is at work', icon: Server, advanced: false, key: 's' },
  {
    path: '/knowledge',
    name: 'Knowledge',
    what: 'what is indexed, and search',
    icon: BookOpen,
    advanced: false,
    key: 'k',
  },
  { path: '/router', name: 'Router', what: 'decisions and their reasons', icon: Split, advanced: true, key: 'r' },
  {
    path: '/quarantine',
    name: 'Quarantine',
    what: 'what could not be accepted',
    icon: ShieldAlert,
    advanced: true,
    key: 'q',
  },
  { path: '/chaos', name: 'Chaos', what: 'kill a service and watch', icon: Zap, advanced: true, key: 'c' },
];
