/**
 * Runs a labelled file through the shipped model in llama.cpp itself. Owns: that what was trained is what is served, and
 * what a decision costs. Does not own: the router's engine and its policy.
 *
 *   node router/training/verify.ts [model.gguf] [file.tsv] [threads]
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { getLlama, type Token } from 'node-llama-cpp';

const folder = import.meta.dirname;
const [
  modelPath = resolve(folder, '../models/router.gguf'),
  filePath = resolve(folder, 'data/dev.tsv'),
  threadsText = '2',
] = process.argv.slice(2);
const threads = Number(threadsText);

const escapes: Record<string, string> = { n: '\n', t: '\t', '\\': '\\' };
const examples = readFileSync(filePath, 'utf8')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((line) => {
    const [route = '', query = ''] = line.split('\t');
    return { route, query: query.replace(/\\([nt\\])/g, (_, letter: string) => escapes[letter] ?? letter) };
  });

const before = process.memoryUsage().rss;
const llama = await getLlama({ gpu: false, maxThreads: threads, build: 'never' });
const loadBeganMs = performance.now();
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 256, batchSize: 256, threads });
const sequence = context.getSequence();
const loadMs = performance.now() - loadBeganMs;

const settings = model.fileInfo.metadata as unknown as {
  agentmesh: { router: { routes: string[]; temperature: number; max_tokens: number } };
};
const { routes, temperature, max_tokens: longest } = settings.agentmesh.router;
const special = (text: string): Token => {
  const [token, ...rest] = model.tokenize(text, true);
  if (token === undefined || rest.length > 0) throw new Error(`${text} is not one token of this model`);
  return token;
};
const ask = special('<|route|>');
const routeTokens = routes.map((route) => special(`<|${route}|>`));
const begin = model.tokens.bos;
if (begin === null) throw new Error('the model has no token for the beginning');

function cut(tokens: Token[]): Token[] {
  if (tokens.length <= longest) return tokens;
  const head = Math.floor(longest / 2);
  return [...tokens.slice(0, head), ...tokens.slice(tokens.length - (longest - head))];
}

async function decide(query: string): Promise<number[]> {
  await sequence.clearHistory();
  const tokens = [begin as Token, ...cut(model.tokenize(query.trim(), false)), ask];
  const last = tokens.length - 1;
  const output = await sequence.controlledEvaluate([
    ...tokens.slice(0, last),
    [ask, { generateNext: { logits: { filter: { tokens: routeTokens } } } }],
  ]);
  const found = output[last]?.next.logits;
  if (found === undefined) throw new Error('the model gave no logits');
  const scaled = routeTokens.map((token) => (found.get(token) ?? Number.NaN) / temperature);
  const top = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const spent: number[] = [];
const rows: { route: string; decision: string; probabilities: number[] }[] = [];
await decide('warm up');
for (const { route, query } of examples) {
  const beganMs = performance.now();
  const probabilities = await decide(query);
  spent.push(performance.now() - beganMs);
  const decision = routes[probabilities.indexOf(Math.max(...probabilities))] ?? '';
  rows.push({ route, decision, probabilities: probabilities.map((value) => Math.round(value * 1e4) / 1e4) });
}
spent.sort((a, b) => a - b);
const at = (share: number) => Math.round((spent[Math.floor(share * (spent.length - 1))] ?? 0) * 10) / 10;
console.log(
  JSON.stringify({
    n: rows.length,
    accuracy: rows.filter((row) => row.route === row.decision).length / rows.length,
    threads,
    load_ms: Math.round(loadMs),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    added_mb: Math.round((process.memoryUsage().rss - before) / 1e6),
  }),
);
if (process.env.ROWS !== undefined) for (const row of rows) console.log(JSON.stringify(row));
await llama.dispose();
