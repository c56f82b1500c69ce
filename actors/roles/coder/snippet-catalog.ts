/**
 * The snippets shipped with the extractive engine: what each is about and in which languages it exists.
 * Owns the catalogue and the match of a prompt against it; the code itself stands in snippets/<language>/.
 */
import { readFileSync } from 'node:fs';
import { stemmer } from 'stemmer';
import { coverage, subjectTerms, terms } from '../../../prompting/terms.ts';

export interface SnippetMatch {
  readonly name: string;
  readonly title: string;
  readonly language: string;
  readonly text: string;
  /** 0.5 to 1: half for the subject itself, half for how much of the prompt it covers. */
  readonly score: number;
}

interface Entry {
  readonly name: string;
  readonly title: string;
  /** Sets of words; a prompt is about the snippet when it has all words of one set. */
  readonly subjects: readonly string[];
  /** More words that fit the snippet. */
  readonly about: string;
  /** File by language. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * A snippet is offered from here on: its subject is asked for (0.5) and it covers three tenths of what else the prompt
 * says. Below, the prompt is about something larger of which the snippet is a detail.
 */
const SNIPPET_SCORE_MIN = 0.65;

const everywhere = (script: string, python: string): Entry['files'] => ({
  typescript: `${script}.ts`,
  javascript: `${script}.js`,
  python: `${python}.py`,
});
const scripts = (script: string): Entry['files'] => ({ typescript: `${script}.ts`, javascript: `${script}.js` });

const ENTRIES: readonly Entry[] = [
  {
    name: 'debounce',
    title: 'debounce: delay a call until no further one comes',
    subjects: ['debounce', 'debouncer', 'debounced', 'debouncing'],
    about: 'delay wait call timer cancel flush input keystroke typing callback milliseconds ms trailing last',
    files: scripts('debounce'),
  },
  {
    name: 'throttle',
    title: 'throttle: at most one call in an interval',
    subjects: ['throttle', 'throttling'],
    about: 'interval limit rate call cancel scroll event callback milliseconds ms leading trailing',
    files: scripts('throttle'),
  },
  {
    name: 'retry',
    title: 'retry: exponential backoff with jitter',
    subjects: ['retry', 'retrying', 'retries', 'exponential backoff', 'retry backoff'],
    about:
      'exponential backoff jitter attempt attempts promise async error fail failure request fetch wait wrapper call',
    files: everywhere('retry', 'retry'),
  },
  {
    name: 'memoize',
    title: 'memoize: remember results by argument',
    subjects: ['memoize', 'memoization', 'memo', 'memoise', 'cache function results'],
    about: 'cache result argument key remember pure expensive call',
    files: everywhere('memoize', 'memoize'),
  },
  {
    name: 'group-by',
    title: 'groupBy: items by a key',
    subjects: ['groupby', 'group key', 'group array', 'group items', 'group list', 'group objects', 'group property'],
    about: 'array list item object key property map by',
    files: everywhere('group-by', 'group_by'),
  },
  {
    name: 'chunk-array',
    title: 'chunk: split an array into parts of one size',
    subjects: ['chunk array', 'chunk list', 'chunk', 'split array', 'split list', 'batch array', 'batch list'],
    about: 'split array list size part piece batch equal items',
    files: everywhere('chunk-array', 'chunk_list'),
  },
  {
    name: 'deep-clone',
    title: 'deepClone: copy plain data deeply',
    subjects: ['deep clone', 'deep copy', 'clone object', 'deeply clone', 'deeply copy'],
    about: 'object array copy nested cycle map set date',
    files: scripts('deep-clone'),
  },
  {
    name: 'deep-equal',
    title: 'deepEqual: compare plain data in depth',
    subjects: ['deep equal', 'deep equality', 'deeply equal', 'deep compare', 'deep comparison', 'compare objects'],
    about: 'object array compare check nested equality two values',
    files: scripts('deep-equal'),
  },
  {
    name: 'lru-cache',
    title: 'LruCache: forgets what was not used for the longest time',
    subjects: ['lru', 'lru cache', 'least recently used'],
    about: 'cache least recently used capacity size max limit evict eviction map get set o 1',
    files: everywhere('lru-cache', 'lru_cache'),
  },
  {
    name: 'event-emitter',
    title: 'Emitter: typed events',
    subjects: ['event emitter', 'eventemitter', 'emitter', 'event bus', 'pub sub', 'pubsub', 'publish subscribe'],
    about: 'event emit on once off listener subscribe unsubscribe publish typed type safe observer',
    files: { typescript: 'event-emitter.ts' },
  },
  {
    name: 'sleep',
    title: 'sleep: wait, cancellable by a signal',
    subjects: ['sleep', 'wait milliseconds', 'wait ms', 'delay promise', 'wait seconds'],
    about: 'delay wait promise async await timeout timer milliseconds ms seconds abort signal cancel',
    files: scripts('sleep'),
  },
  {
    name: 'parse-query-string',
    title: 'parseQueryString: names and values of a query',
    subjects: ['query string', 'querystring', 'parse query', 'query params', 'query parameters', 'url parameters'],
    about: 'parse url parameter params search object address decode value',
    files: scripts('parse-query-string'),
  },
  {
    name: 'slugify',
    title: 'slugify: a title as a slug for an address',
    subjects: ['slugify', 'slug'],
    about: 'string title url text address hyphen dash accents convert turn',
    files: everywhere('slugify', 'slugify'),
  },
  {
    name: 'binary-search',
    title: 'binarySearch: find in sorted data',
    subjects: ['binary search', 'binarysearch', 'bisect'],
    about: 'sorted array list find index number integer target algorithm log n',
    files: everywhere('binary-search', 'binary_search'),
  },
  {
    name: 'fibonacci',
    title: 'fibonacci: numbers of the sequence, exact',
    subjects: ['fibonacci', 'fib'],
    about: 'number sequence nth n th iterative generator recursive compute calculate first series',
    files: everywhere('fibonacci', 'fibonacci'),
  },
  {
    name: 'uuid-v4',
    title: 'uuidV4: a random UUID',
    subjects: ['uuid', 'uuid v4', 'guid', 'unique identifier'],
    about: 'random v4 v 4 generate generator unique id identifier string',
    files: { typescript: 'uuid-v4.ts' },
  },
  {
    name: 'read-json-file',
    title: 'readJsonFile: read and check a JSON file',
    subjects: ['read json', 'load json', 'parse json file', 'open json'],
    about: 'read load parse json file path disk async error config node fs',
    files: { typescript: 'read-json-file.ts', python: 'read_json_file.py' },
  },
  {
    name: 'promise-pool',
    title: 'promisePool: limited concurrency',
    subjects: [
      'promise pool',
      'limit concurrency',
      'concurrency limit',
      'limited concurrency',
      'parallel promises limit',
    ],
    about: 'promise pool async concurrent concurrency limit parallel task job queue items worker map at most time run',
    files: scripts('promise-pool'),
  },
];

const stems = (text: string): ReadonlySet<string> => new Set(text.split(' ').map(stemmer));

/** Snippets for a prompt in a language from SNIPPET_SCORE_MIN on, best first. */
export function matchSnippets(prompt: string, language: string): SnippetMatch[] {
  const wanted = subjectTerms(prompt);
  const said = new Set([...wanted, ...terms(prompt)]);
  const matches: SnippetMatch[] = [];
  for (const entry of ENTRIES) {
    const file = entry.files[language];
    if (file === undefined) continue;
    const subject = entry.subjects.find((phrase) => [...stems(phrase)].every((stem) => said.has(stem)));
    if (subject === undefined) continue;
    const known = new Set([...stems(entry.subjects.join(' ')), ...stems(entry.about)]);
    const score = 0.5 + 0.5 * coverage(wanted, known);
    if (score < SNIPPET_SCORE_MIN) continue;
    matches.push({ name: entry.name, title: entry.title, language, text: snippetText(language, file), score });
  }
  return matches.sort((a, b) => b.score - a.score || a.name.localeCompare(b.name));
}

const texts = new Map<string, string>();

/** Snippets are part of the program: read once, then kept. */
function snippetText(language: string, file: string): string {
  const path = `./snippets/${language}/${file}`;
  const known = texts.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(path, import.meta.url), 'utf8');
  texts.set(path, text);
  return text;
}

/** Every shipped snippet, for the test that checks them all. */
export function allSnippets(): { name: string; language: string; text: string }[] {
  return ENTRIES.flatMap((entry) =>
    Object.entries(entry.files).map(([language, file]) => ({
      name: entry.name,
      language,
      text: snippetText(language, file),
    })),
  );
}
