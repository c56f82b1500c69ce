/**
 * Answers of the dashboard in which every text is hostile. Owns: putting hostile text into each field of a recorded answer,
 * and what may not be in a page that shows them. Does not own: which pages are looked at.
 *
 * The recording has every kind of answer that a page asks for, so a field that is added is tried as soon as it is recorded.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { projectRoot } from '../../../config/settings.ts';

const recording = join(projectRoot, 'dashboard', 'static');
/** What a page has to understand: states, kinds, places. They come from the mesh itself, and are no text. */
const UNDERSTOOD = new Set([
  ...[
    'id',
    'correlationId',
    'taskId',
    'messageId',
    'questionId',
    'log',
    'cause',
    'type',
    'status',
    'kind',
    'state',
    'mode',
  ],
  ...['traceparent', 'lastIndexedAt', 'openedAt'],
]);
/** Numbers that are places in the log: a page orders by them. */
const PLACES = new Set(['seq', 'index']);
const KEYED_BY_TEXT = new Set(['probabilities', 'confusion', 'partitions']);

export const HOSTILE =
  '<img src=https://evil.example/a onerror=alert(1)> ![b](https://evil.example/c.png) <script>alert(2)</script>' +
  ' "><svg onload=alert(3)> [d](javascript:alert(4)) \u202Etxet\u202C \u2066i\u2069 \u001B[31mred\u001B[0m \u001B]8;;https://evil.example\u0007e\u001B]8;;\u0007' +
  ' \u200B\u0000\u0008 url(https://evil.example/f) {{7*7}}';

export interface Poison {
  /** In place of each text of an answer. */
  readonly text: string;
  /** In place of its longest one: a text of a megabyte in each of thousands would be no page but a download. */
  readonly longest: string;
  /** In place of each number; without it they stay. */
  readonly number?: number;
}

function longestOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  let longest = '';
  for (const one of Object.values(value)) {
    const found = longestOf(one);
    if (found.length > longest.length) longest = found;
  }
  return longest;
}

function poisoned(value: unknown, by: Poison, longest = longestOf(value), key = ''): unknown {
  if (typeof value === 'string') {
    if (UNDERSTOOD.has(key) || value === '') return value;
    return value === longest ? by.longest : by.text;
  }
  if (typeof value === 'number') return by.number === undefined || PLACES.has(key) ? value : by.number;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, by, longest, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one], at) => [
      KEYED_BY_TEXT.has(key) ? `${at} ${by.text.slice(0, 300)}` : name,
      poisoned(one, by, longest, name),
    ]),
  );
}

/** Answers from the recording are poisoned from now on. */
export async function poison(page: Page, by: Poison): Promise<void> {
  await page.route('**/demo/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = join(recording, pathname);
    if (!path.startsWith(recording)) return route.abort();
    const answer: unknown = JSON.parse(readFileSync(path, 'utf8'));
    await route.fulfill({ contentType: 'application/json', body: JSON.stringify(poisoned(answer, by)) });
  });
}

/** What stands in the page that is more than text, or a text that lies about itself. One line a finding. */
export async function findings(page: Page): Promise<string[]> {
  return (await page.evaluate(`(() => {
    const found = [];
    const unseen = /[\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u200B\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u2069\\uFEFF]/;
    for (const element of document.querySelectorAll('body *')) {
      const where = element.tagName.toLowerCase() + '.' + element.getAttribute('class');
      if (/^(img|iframe|object|embed|video|audio|base|form\\[action\\])$/i.test(element.tagName)) found.push('an element: ' + where);
      for (const { name, value } of element.attributes) {
        if (name.startsWith('on')) found.push(where + ' has ' + name);
        // What styles select by, and what is sent when an option is chosen, is shown to nobody.
        const isShown = !name.startsWith('data-') && !(name === 'value' && element.tagName === 'OPTION');
        if (isShown && unseen.test(value)) found.push(where + ' hides something in ' + name);
        if (/^(src|href|srcset|poster|data|action)$/.test(name) && /^\\s*(javascript|data|vbscript):/i.test(value)) found.push(where + ' leads to ' + value.slice(0, 40));
        if (name === 'style' && /url\\(/.test(value)) found.push(where + ' has an address in its style');
      }
      for (const node of element.childNodes)
        if (node.nodeType === Node.TEXT_NODE && element.tagName !== 'SCRIPT' && unseen.test(node.data)) found.push('a text hides something: ' + where);
    }
    if (unseen.test(document.title)) found.push('the title hides something');
    return [...new Set(found)];
  })()`)) as string[];
}
