/**
 * What nobody may read in telemetry: prompts, code, arguments, answers and keys, planted in every way into the mesh that
 * there is, and looked for in everything that leaves: logs, spans, numbers, the stream, the flight recorder.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { signedBus } from '../../../bus/signed-bus.ts';
import { INGRESS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { SPAN_FILTER } from '../../../schemas/events/telemetry.ts';
import { readSigning } from '../../../services/adapters/signing.ts';
import { MODE_KEY, openByHand, WINDOW_KEY } from '../../../telemetry/mode.ts';
import { useGateway } from '../../support/gateway.ts';
import { plantSecrets } from '../../support/planted-secrets.ts';
import { SpanCollector } from '../../support/span-collector.ts';

const LIMIT_MS = 60_000;
/** Plain words, so that no limit of form keeps them out. */
const SECRETS = {
  prompt: 'zanzibarprompt',
  code: 'zanzibarcode',
  argument: 'zanzibarargument',
  poison: 'zanzibarpoison',
} as const;
const planted = plantSecrets();
afterAll(() => planted.remove());
const collector = await SpanCollector.open();
afterAll(() => collector.close());
const gateway = useGateway('secrets', {
  env: {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    ...{ OBS_MODE: 'shipping', OBS_CONTENT: 'window', MESH_SIGNED_SINCE: undefined, ...planted.env },
  },
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

/** Everything that telemetry has let out, by where. */
async function everything(): Promise<Record<string, string>> {
  const { mesh } = gateway();
  const stream: string[] = [];
  const reader = await mesh.bus.read({
    ...{ stream: 'telemetry', filter: SPAN_FILTER, fromSeq: 1 },
    onMessage: ({ data }) => void stream.push(Buffer.from(data).toString()),
  });
  await reader.caughtUp;
  await reader.stop();
  const read = (folder: string): string =>
    filesUnder(folder)
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
  return {
    stream: stream.join('\n'),
    otlp: collector.texts.join('\n'),
    flight: read(join(mesh.home, 'flight')),
    logs: read(mesh.folder),
  };
}

async function expectNone(): Promise<void> {
  for (const [where, text] of Object.entries(await everything())) {
    expect(text.length, where).toBeGreaterThan(100);
    for (const [what, secret] of Object.entries(SECRETS))
      expect(text.includes(secret), `${what} in ${where}`).toBe(false);
    expect([where, planted.foundIn(text)]).toEqual([where, []]);
  }
}

async function plant(): Promise<void> {
  const { mesh, client } = gateway();
  const { watch } = mesh;
  // What is not signed would not be read at all.
  const keys = { MESH_SIGNING_KEY: planted.env.MESH_SIGNING_KEY, MESH_SIGNING_TRUSTED: undefined };
  const signing = readSigning({ ...keys, MESH_SIGNED_SINCE: undefined });
  const bus = signing === null ? mesh.bus : signedBus(mesh.bus, signing, () => undefined);
  const ids = [
    (
      await client.submit({
        prompt: `What is ${SECRETS.prompt}? ${Object.values(planted.env).join(' ')}`,
        workflow: 'answer',
      })
    ).task,
    (await client.submit({ prompt: `Write a function ${SECRETS.code}`, workflow: 'build' })).task,
    (await client.submit({ prompt: `Review:\n\`\`\`js\nconst ${SECRETS.code} = (;\n\`\`\``, workflow: 'review' })).task,
    (await client.submit({ prompt: `tool:calculator {"expression": "${SECRETS.argument}("}` })).task,
    (await client.submit({ prompt: `tool:${SECRETS.argument} {}` })).task,
  ].map(({ correlationId }) => correlationId);
  await bus.publish({ subject: INGRESS_SUBJECT, body: `{"prompt": ${SECRETS.poison}` });
  await bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ prompt: 'x', id: SECRETS.poison }) });
  await bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ prompt: 'x', [SECRETS.poison]: 1 }) });
  for (const id of ids) await watch.result(id, LIMIT_MS);
  await watch.refusals(3, LIMIT_MS);
  await collector.span(
    ({ name, attributes }) => name === 'agent.task' && attributes['mesh.correlation_id'] === ids.at(-1),
    LIMIT_MS,
    'of the last task',
  );
}

describe('in shipping mode', () => {
  test('nothing of what tasks are about leaves, a crash in the middle included', async () => {
    const { mesh } = gateway();
    await plant();
    await mesh.service('agents').kill();
    await mesh.service('agents').ready();
    await plant();
    await expectNone();
    // A crash opens no window in this mode.
    expect(await mesh.bus.kv('config').get(WINDOW_KEY)).toBeNull();
  });

  test('all processes follow the mode at once, and a window tells content only by its setting', async () => {
    const { mesh, client } = gateway();
    const config = mesh.bus.kv('config');
    const followed = ['agents', 'llm', 'tools', 'gateway'].map((name) =>
      mesh.service(name).line(({ msg }) => msg === 'full telemetry begins', LIMIT_MS, 'the window'),
    );
    await config.put(MODE_KEY, 'debug');
    await config.put(WINDOW_KEY, JSON.stringify(openByHand(null, 600_000, Date.now())));
    await Promise.all(followed);
    const { correlationId: id } = (await client.run({ prompt: `What is ${SECRETS.prompt}?`, workflow: 'answer' })).task;
    const chat = await collector.span(
      ({ name, traceId }) => name.startsWith('chat ') && traceId === id.replaceAll('-', ''),
      LIMIT_MS,
      'of the generation',
    );
    expect(String(chat.attributes['gen_ai.input.messages'])).toContain(SECRETS.prompt);
    expect(String(chat.attributes['mesh.debug_window.id'])).toMatch(/^[0-9a-f]{8}$/);
    await collector.text((text) => text.includes('resourceLogs') && text.includes('mesh.debug_window.id'), LIMIT_MS);
    await collector.text((text) => text.includes('mesh.tasks.open'), LIMIT_MS);
  });
});
