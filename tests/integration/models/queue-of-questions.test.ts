/**
 * Forty questions at once for a model with one place: waiting is not failing. By default a generation takes a quarter of a
 * second, which shows who waits for whom; `MESH_TEST_GENERATION_MS=20000` is an ordinary model on a CPU, for a quarter of
 * an hour, in which a step's limit that counted the wait would be over long before the last one's turn.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
import { freePort } from '../../support/nats-server.ts';
import { type ChatServer, startChatServer, streamText } from '../../unit/engines/chat-server.ts';

const GENERATION_MS = Number(process.env.MESH_TEST_GENERATION_MS ?? 250);
const QUESTIONS = 40;
const ALL_MS = QUESTIONS * GENERATION_MS * 1.5 + 60_000;

let server: ChatServer | null = null;
let atOnce = 0;
let mostAtOnce = 0;
let cutOff = 0;
const port = await freePort();
beforeAll(async () => {
  server = await startChatServer(
    (response) => {
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      const timer = setTimeout(() => {
        void streamText(response, ['So it is.']);
      }, GENERATION_MS);
      response.once('close', () => {
        atOnce -= 1;
        clearTimeout(timer);
        if (!response.writableEnded) cutOff += 1;
      });
    },
    undefined,
    port,
  );
});
afterAll(async () => {
  await server?.close();
});

const mesh = useMesh('queue-of-questions', {
  env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'm1', LLM_PARALLEL: '1' },
});

test(
  'all are answered by the model, none was begun twice, and what needs no model does not wait',
  async () => {
    const { watch } = mesh();
    const calculate = () => mesh().submit({ prompt: 'tool:calculator {"expression": "6 * 7"}', caller: 'someone' });
    // The calculator's first start is not what is measured.
    await watch.result(await calculate());
    const ids = await Promise.all(
      Array.from({ length: QUESTIONS }, (_, n) =>
        mesh().submit({ prompt: `Tell me something of number ${n}.`, workflow: 'direct', caller: 'batch' }),
      ),
    );
    await watch.fact(ids.at(-1) ?? '', 'hop.started');
    const { result: sum } = await watch.result(await calculate());
    expect(sum).toMatchObject({ outcome: 'answered', answer: 'The tool calculator answered: 42' });
    const ended = () => ids.filter((id) => watch.terminal(id).length > 0).length;
    expect(ended()).toBeLessThan(QUESTIONS / 4);

    // Another caller's question has its turn among those of the batch, and a high one before most of them.
    const late = await mesh().submit({ prompt: 'And me?', workflow: 'direct', caller: 'someone', priority: 'high' });
    await watch.result(late, ALL_MS);
    expect(ended()).toBeLessThan((QUESTIONS * 3) / 4);

    for (const id of ids) {
      const { name, result } = await watch.result(id, ALL_MS);
      expect([name, result.engine, result.hops.length]).toEqual(['task.completed', 'openai:m1', 1]);
    }
    expect([mostAtOnce, cutOff, server?.requests.length]).toEqual([1, 0, QUESTIONS + 1]);
    const waited = ids.filter((id) => watch.facts(id).some(({ event }) => event.type.includes('hop.waiting')));
    expect(waited.length).toBeGreaterThan(QUESTIONS / 4);
  },
  ALL_MS,
);

test(
  'who would rather wait than have an answer without the model waits until there is a place',
  async () => {
    const { watch } = mesh();
    const ids = await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        mesh().submit({ prompt: `Once more, number ${n}.`, workflow: 'direct', waitForModel: true }),
      ),
    );
    for (const id of ids) expect((await watch.result(id, ALL_MS)).result.engine).toBe('openai:m1');
  },
  ALL_MS,
);
