/**
 * Files of labelled queries: `route<TAB>query`, one a line (`labelling.md`). Owns: reading them, naming bad lines. Does
 * not own: what is done with them.
 */

export interface Sample {
  /** Of the file, from 1. */
  readonly line: number;
  readonly route: string;
  readonly query: string;
}

/** A file that cannot be used; each of the lines names one bad line and what is wrong with it. */
export class SamplesError extends Error {
  override readonly name = 'SamplesError';
  readonly lines: readonly string[];
  constructor(message: string, lines: readonly string[]) {
    super(message);
    this.lines = lines;
  }
}

const ROUTE = /^[a-z][a-z0-9-]{0,31}$/;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' };

/** @param routes that there are @throws SamplesError */
export function parseSamples(text: string, routes: readonly string[]): Sample[] {
  const samples: Sample[] = [];
  const bad: string[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = index + 1;
    const content = raw.replace(/\r$/, '');
    if (content.trim() === '' || content.startsWith('#')) continue;
    const tab = content.indexOf('\t');
    const route = content.slice(0, Math.max(0, tab)).trim();
    const query = unescaped(content.slice(tab + 1));
    if (tab < 0) bad.push(`line ${line}: there is no tab between route and query`);
    else if (!ROUTE.test(route) || !routes.includes(route))
      bad.push(`line ${line}: ${JSON.stringify(route.slice(0, 40))} is no route; routes are ${routes.join(', ')}`);
    else if (query.trim() === '') bad.push(`line ${line}: the query is empty`);
    else samples.push({ line, route, query });
  }
  if (bad.length > 0)
    throw new SamplesError(`${bad.length === 1 ? 'a line' : `${bad.length} lines`} cannot be read`, bad);
  if (samples.length === 0) throw new SamplesError('there is no labelled query in it', []);
  return samples;
}

/** An unknown escape is the two characters that it looks like. */
function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (both, character: string) => escapes[character] ?? both);
}
