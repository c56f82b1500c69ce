/**
 * An endpoint that writes what a script says, at the pace of a small model. Owns: its answers, so that the recorded
 * demonstration and the pictures show the same each time, on any machine. Does not own: the protocol's oddities, which
 * tests of the engines try.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const TOKENS_PER_SECOND = 55;
const FIRST_WORD_MS = 350;

const draft = `\`\`\`typescript
type Timer = ReturnType<typeof setTimeout>;

export interface Debounced<A extends unknown[]> {
  (...args: A): void;
  cancel(): void;
}

/** Calls \`wrapped\` once, after \`waitMs\` without another call. */
export function debounce<A extends unknown[]>(wrapped: (...args: A) => void, waitMs: number): Debounced<A> {
  let timer: Timer | undefined;
  const debounced = (...args: A): void => {
    timer = setTimeout(() => wrapped(...args), waitMs);
  };
  debounced.cancel = (): void => clearTimeout(timer);
  return debounced;
}
\`\`\`

Each call starts a timer; \`cancel\` drops the one that waits.`;

const better = draft
  .replace('    timer = setTimeout(', '    clearTimeout(timer);\n    timer = setTimeout(')
  .replace('Each call starts a timer', 'A call now drops the timer of the one before it and starts its own');

const answer = `A task survives because everything that happens to it is recorded **before anybody is told** [1].

- Each input of a task is a record in the *ledger* of its host and in the NATS log; both have it before anything leaves the process [1].
- When the process dies, the supervisor starts it again. It folds the journal and stands where it stood [2].
- Results of effects are records too, so nothing that was finished is asked for twice. What was running runs again under the same idempotency key [1].

Only what may not be repeated asks a person first.`;

const review = {
  verdict: 'changes_requested',
  summary: 'The loop swallows every error and retries for ever without a pause.',
  findings: [
    {
      severity: 'error',
      line: 3,
      message: 'An empty catch hides why the call failed; keep the last error and rethrow it.',
    },
    {
      severity: 'warning',
      line: 1,
      message: 'Nothing bounds the number of attempts; a dead server is asked in a tight loop.',
    },
  ],
};
const refusal = {
  verdict: 'changes_requested',
  summary: 'An earlier call is never cancelled, so every call runs in the end.',
  findings: [{ severity: 'error', line: 12, message: 'Clear the pending timer before starting the next one.' }],
};
const approval = {
  verdict: 'approved',
  summary: 'Each call replaces the one before it, and cancel drops it.',
  findings: [],
};

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
}

function replyTo({ messages }: Asked): string {
  const system = messages[0]?.content ?? '';
  const user = messages.at(-1)?.content ?? '';
  if (system.includes('You review code')) {
    if (user.includes('while (true)')) return JSON.stringify(review);
    return JSON.stringify((user.match(/clearTimeout\(timer\)/g) ?? []).length > 1 ? approval : refusal);
  }
  if (system.includes('You write code')) return user.includes('never cancelled') ? better : draft;
  return answer;
}

export interface ScriptModel {
  readonly baseUrl: string;
  /** Says no word until `go`. */
  hold(): void;
  go(): void;
  close(): Promise<void>;
}

export async function openScriptModel(): Promise<ScriptModel> {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const write = async (response: ServerResponse, asked: Asked): Promise<void> => {
    await sleep(FIRST_WORD_MS);
    const text = replyTo(asked);
    const words = text.match(/\S+\s*/g) ?? [];
    const prompt = asked.messages.reduce((sum, { content }) => sum + content.length, 0);
    const usage = { prompt_tokens: Math.ceil(prompt / 4), completion_tokens: Math.ceil(text.length / 4) };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const say = (chunk: object): boolean => response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    for (const content of words) {
      await gate.promise;
      if (response.destroyed) return;
      say({ choices: [{ delta: { content }, finish_reason: null }] });
      await sleep((1000 * content.length) / 4 / TOKENS_PER_SECOND);
    }
    say({ choices: [{ delta: {}, finish_reason: 'stop' }], usage });
    response.end('data: [DONE]\n\n');
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += String(piece);
    if (request.url === '/v1/models') response.end(JSON.stringify({ data: [{ id: 'qwen2.5-coder' }] }));
    else await write(response, JSON.parse(body) as Asked);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    hold: () => {
      gate = Promise.withResolvers<void>();
    },
    go: () => gate.resolve(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
