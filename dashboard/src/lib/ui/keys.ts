/**
 * Keys that work everywhere. Owns: which key does what, and that letters are letters while somebody writes. Does not own:
 * keys of one list or one slider.
 */
import { goto } from '$app/navigation';
import { page } from '$app/state';
import { live } from '../live/live.svelte.ts';
import { actions } from './actions.svelte.ts';
import { pages } from './pages.ts';

const GO_MS = 1200;
let goUntilMs = 0;

const views: Readonly<Record<string, string>> = { 1: '', 2: '/conversation', 3: '/events', 4: '/machine' };

export function onKey(event: KeyboardEvent): void {
  if (event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)) {
    event.preventDefault();
    actions.palette = !actions.palette;
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented || isWriting(event.target)) return;
  if (document.querySelector('dialog[open]') !== null) return;
  if (act(event.key)) event.preventDefault();
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** True when the key meant something. */
function act(key: string): boolean {
  if (performance.now() < goUntilMs) {
    goUntilMs = 0;
    const found = pages.find((one) => one.key === key);
    if (found !== undefined) void goto(found.path);
    return found !== undefined;
  }
  const id = page.params.id;
  switch (key) {
    case 'g':
      goUntilMs = performance.now() + GO_MS;
      return true;
    case '?':
      actions.help = true;
      return true;
    case 'n':
      actions.ask = true;
      return true;
    case '/': {
      const search = document.querySelector<HTMLInputElement>('[data-search]');
      search?.focus();
      return search !== null;
    }
    case 'Escape':
      if (id !== undefined) void goto('/');
      return id !== undefined;
    case '[':
    case ']':
      return id !== undefined && neighbour(id, key === ']' ? 1 : -1);
    case '1':
    case '2':
    case '3':
    case '4':
      if (id !== undefined) void goto(`/task/${id}${views[key]}${page.url.search}`);
      return id !== undefined;
    default:
      return false;
  }
}

function neighbour(id: string, by: number): boolean {
  const rows = live.rows.sorted();
  const other = rows[rows.findIndex((row) => row.id === id) + by];
  if (other !== undefined) void goto(`/task/${other.id}`);
  return other !== undefined;
}
