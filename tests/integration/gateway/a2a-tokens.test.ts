/** The answer as a real model writes it, over each of the three bindings, by the SDK's own client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamResponse } from '@a2a-js/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { BINDINGS, collectArtifacts, connect, message, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-a2a-tokens-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const model = writeTinyModel(join(folder, 'tiny.gguf'), { name: 'tiny-one' });

const gateway = useGateway('a2a-tokens', {
  env: {
    MESH_WORKFLOWS: join(projectRoot, 'tests/fixtures/workflows'),
    LLM_MODEL_PATH: model,
    LLM_THREADS: '1',
    LLM_CONTEXT_SIZE: '8192',
    LLM_MAX_TOKENS: '60',
    LLM_SEED: '3',
  },
});

type ArtifactUpdate = Extract<NonNullable<StreamResponse['payload']>, { $case: 'artifactUpdate' }>['value'];

function updatesOf(events: readonly StreamResponse[]): ArtifactUpdate[] {
  return events.flatMap(({ payload }) => (payload?.$case === 'artifactUpdate' ? [payload.value] : []));
}

describe.each(BINDINGS)('A2A over %s', (binding) => {
  /** A task that asks before its text is written, and all the events of a stream that is open when it goes on. */
  const followed = async (
    open: (client: Awaited<ReturnType<typeof connect>>, taskId: string) => Promise<AsyncGenerator<StreamResponse>>,
    onTask: (taskId: string) => Promise<unknown> = () => Promise.resolve(),
  ) => {
    const client = await connect(gateway().http, binding);
    const asked = { ...message('How does a task survive a crash?'), metadata: { workflow: 'asked' } };
    const begun = await client.sendMessage(request(asked));
    if ('messageId' in begun) throw new Error('the mesh answers with tasks');
    const events: StreamResponse[] = [];
    for await (const event of await open(client, begun.id)) {
      events.push(event);
      // The stream is open: what is written from here on is heard.
      if (event.payload?.$case === 'task') await onTask(begun.id);
    }
    const task = await client.getTask({ tenant: '', id: begun.id });
    return { events, task };
  };

  const checkAnswer = ({ events, task }: Awaited<ReturnType<typeof followed>>): void => {
    const updates = updatesOf(events);
    const chunks = updates.slice(0, -1);
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks.map(({ append, lastChunk }) => [append, lastChunk])).toEqual(
      chunks.map((_chunk, at) => [at > 0, false]),
    );
    expect(updates.at(-1)).toMatchObject({ append: true, lastChunk: true });
    for (const { taskId, contextId } of updates) expect([taskId, contextId]).toEqual([task.id, task.contextId]);
    const text = (parts: (typeof task.artifacts)[number]['parts']) =>
      parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');
    const [stored] = task.artifacts;
    expect(text(stored?.parts ?? [])).not.toBe('');
    expect(text(collectArtifacts(events).get('answer')?.parts ?? [])).toBe(text(stored?.parts ?? []));
    // Also for a client that concatenates whatever comes.
    expect(text(updates.flatMap(({ artifact }) => artifact?.parts ?? []))).toBe(text(stored?.parts ?? []));
  };

  test('a streamed message brings the answer while it is written, and none of it twice', async () => {
    checkAnswer(
      await followed(async (client, taskId) => client.sendMessageStream(request(message('yes', { taskId })))),
    );
  });

  test('so does a subscription', async () => {
    checkAnswer(
      await followed(
        async (client, taskId) => client.resubscribeTask({ tenant: '', id: taskId }),
        (taskId) => gateway().client.respond(taskId, 'yes'),
      ),
    );
  });
});
