/**
 * The documentation as a site: `npm run docs`. Owns: the order of the pages, and where links lead that leave `docs/`. Does
 * not own: any text.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const docs = resolve(import.meta.dirname, '..');
const root = dirname(docs);

const page = (text: string, name: string) => ({ text, link: `/${name}` });
const pagesOf = (folder: string) =>
  readdirSync(join(docs, folder))
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .sort()
    .map((name) => page(name.replace('.md', ''), `${folder}/${name.replace('.md', '')}`));

const sidebar = [
  {
    text: 'Begin',
    items: [
      page('Agent Mesh', ''),
      page('Your first day', 'onboarding'),
      page('A mesh of your own', 'your-own'),
      page('Architecture', 'architecture'),
      page('Words', 'words'),
    ],
  },
  {
    text: 'Work with it',
    items: [
      page('Workflows', 'workflows'),
      page('Router', 'router'),
      page('Models', 'models'),
      page('Tools', 'tools'),
      page('Knowledge', 'knowledge'),
      page('Dashboard', 'dashboard'),
      page('Roles', 'roles'),
    ],
  },
  {
    text: 'Doors',
    items: [page('Gateway', 'gateway'), page('A2A', 'a2a'), page('Events', 'events'), page('Dapr', 'dapr')],
  },
  {
    text: 'Run it',
    items: [
      page('Operations', 'operations'),
      page('Configuration', 'configuration'),
      page('Observability', 'observability'),
      page('Registry', 'registry'),
      page('Containers', 'containers'),
      page('Kubernetes', 'kubernetes'),
      page('Scaling', 'scaling'),
    ],
  },
  {
    text: 'Trust it',
    items: [
      page('Reliability', 'reliability'),
      page('Security', 'security'),
      page('Who may do what on NATS', 'nats-security'),
      page('Testing', 'testing'),
      page('Benchmarks', 'benchmarks'),
      page('By hand', 'verification'),
      page('What was asked', 'acceptance'),
    ],
  },
  { text: 'Alerts', collapsed: true, items: pagesOf('alerts') },
  { text: 'Decisions', collapsed: true, items: [page('All', 'decisions/'), ...pagesOf('decisions')] },
];

/** Files of the checkout are no pages of the site: such a link is shown as the path that it names. */
function outside(href: string, from: string): string | null {
  if (/^[a-z]+:|^#|^\//.test(href)) return null;
  const [path = ''] = href.split('#');
  const target = resolve(docs, dirname(from), path);
  const leaves = relative(docs, target).startsWith('..');
  return leaves && existsSync(target) ? relative(root, target) : null;
}

interface Token {
  type: string;
  tag: string;
  attrs: [string, string][] | null;
  children: Token[] | null;
}

/** Links that leave `docs/` become code: what they show is a file of the checkout. */
function showPaths(tokens: readonly Token[], from: string): void {
  for (const { children } of tokens) {
    let inside = false;
    for (const token of children ?? []) {
      const href = token.attrs?.find(([name]) => name === 'href')?.[1];
      const path = token.type === 'link_open' && href !== undefined ? outside(href, from) : null;
      if (path !== null) {
        inside = true;
        Object.assign(token, {
          tag: 'span',
          attrs: [
            ['class', 'outside'],
            ['title', path],
          ],
        });
      } else if (token.type === 'link_close' && inside) {
        inside = false;
        token.tag = 'span';
      }
    }
  }
}

interface Markdown {
  core: {
    ruler: { push(name: string, rule: (state: { tokens: Token[]; env: { relativePath?: string } }) => void): void };
  };
}

export default {
  title: 'Agent Mesh',
  description: 'A local-first, crash-resumable mesh of LLM agents on NATS JetStream.',
  outDir: join(root, 'artifacts', 'docs'),
  cacheDir: join(root, '.mesh', 'cache', 'vitepress'),
  rewrites: { 'decisions/README.md': 'decisions/index.md' },
  cleanUrls: false,
  lastUpdated: false,
  // Fonts of the reader's own machine: the site asks nobody for anything.
  head: [['meta', { name: 'referrer', content: 'no-referrer' }]],
  markdown: {
    config: (markdown: Markdown) => {
      markdown.core.ruler.push('paths-of-the-checkout', ({ tokens, env }) => showPaths(tokens, env.relativePath ?? ''));
    },
  },
  themeConfig: { sidebar, search: { provider: 'local' }, outline: [2, 3] },
};
