/** The process of the dashboard without a browser: who may ask, and what it answers. */
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Board } from '../../dashboard/wire.ts';
import { useMesh } from '../support/mesh.ts';
import { freePort } from '../support/nats-server.ts';

const TOKEN = 'a-token-of-sixteen-letters';
let [open, guarded] = [0, 0];
const mesh = useMesh('dashboard', async () => {
  [open, guarded] = [await freePort(), await freePort()];
  return { services: ['agents'], env: { MESH_GRPC_PORT: String(await freePort()) } };
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** With the headers of one's choice, Host among them. */
function ask(port: number, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, headers, method: body === undefined ? 'GET' : 'POST' },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      },
    );
    call.once('error', reject);
    call.end(body);
  });
}

const json = { 'content-type': 'application/json' };

describe('on loopback', () => {
  it('serves pages under a policy without inline scripts, and tells the board', async () => {
    await mesh()
      .add('dashboard', 'dashboard', { MESH_DASHBOARD_PORT: String(open) })
      .start();
    const page = await ask(open, '/');
    const policy = String(page.headers['content-security-policy']);
    expect(page.status).toBe(200);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'self' 'nonce-[^']+'(;|$)/);
    expect(policy).toContain("frame-ancestors 'none'");
    const id = await mesh().submit('What is a ledger?');
    await expect
      .poll(async () => (JSON.parse((await ask(open, '/api/board')).body) as Board).rows.map((row) => row.id), {
        timeout: 90_000,
      })
      .toEqual([id]);
    expect((await ask(open, `/api/task/${id.toUpperCase()}`)).status).toBe(200);
  });

  it('answers to no other name, and takes no command of another page', async () => {
    expect((await ask(open, '/', { host: 'evil.example' })).status).toBe(403);
    // An image or a script of another page says no origin, and would take a place among the tabs all the same.
    const other = { 'sec-fetch-site': 'cross-site' };
    for (const dest of ['image', 'script', 'empty', 'iframe'])
      expect(
        (await ask(open, '/events', { ...other, 'sec-fetch-dest': dest, 'sec-fetch-mode': 'no-cors' })).status,
      ).toBe(403);
    // A person follows a link.
    const followed = { ...other, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };
    expect((await ask(open, '/', followed)).status).toBe(200);
    expect((await ask(open, '/api/command', { ...json, origin: 'https://evil.example' }, '{}')).status).toBe(403);
    expect((await ask(open, '/api/command', { ...json, 'sec-fetch-site': 'cross-site' }, '{}')).status).toBe(403);
  });

  it('says what is wrong with a command', async () => {
    const empty = await ask(open, '/api/command', json, JSON.stringify({ kind: 'respond', task: 'x' }));
    expect([empty.status, JSON.parse(empty.body)]).toEqual([
      409,
      { ok: false, code: 'invalid', message: expect.any(String) },
    ]);
    const odd = await ask(open, '/api/command', json, 'not json');
    expect(JSON.parse(odd.body)).toMatchObject({ ok: false, code: 'invalid' });
    const kill = await ask(open, '/api/command', json, JSON.stringify({ kind: 'kill', service: 'agents' }));
    expect(JSON.parse(kill.body)).toMatchObject({
      ok: false,
      message: expect.stringContaining('no running process of the mesh'),
    });
  });

  it('knows nothing of other places', async () => {
    expect((await ask(open, '/api/task/not-an-id')).status).toBe(404);
    expect((await ask(open, '/api/nothing')).status).toBe(404);
    expect((await ask(open, '/api/../../etc/passwd')).status).toBe(404);
  });
});

describe('every answer', () => {
  it('has a content security policy, also a refusal, an error, a file and the event stream', async () => {
    const refused = { host: 'evil.example' };
    const answers = [
      await ask(open, '/api/board'),
      await ask(open, '/api/nothing'),
      await ask(open, '/nothing'),
      await ask(open, '/favicon.svg'),
      await ask(open, '/', refused),
      await ask(open, '//'),
      await ask(open, '/api/command', json, 'no json'),
    ];
    const leave = new AbortController();
    const stream = await fetch(`http://127.0.0.1:${open}/events`, { signal: leave.signal });
    leave.abort();
    answers.push({ status: stream.status, headers: Object.fromEntries(stream.headers), body: '' });
    for (const { status, headers } of answers) {
      expect([status, headers['content-security-policy']]).toEqual([
        status,
        expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      ]);
    }
  });
});

describe('with a token', () => {
  it('lets in whoever shows it, once, and nobody else', async () => {
    const env = { MESH_DASHBOARD_PORT: String(guarded), MESH_DASHBOARD_TOKEN: TOKEN, MESH_DASHBOARD_HOST: '0.0.0.0' };
    await mesh().add('dashboard', 'guarded', env).start();
    for (const path of ['/', '/api/board', '/events']) expect((await ask(guarded, path)).status).toBe(401);
    expect((await ask(guarded, `/?token=${TOKEN}x`)).status).toBe(401);
    const shown = await ask(guarded, `/inbox?q=1&token=${TOKEN}`);
    expect([shown.status, shown.headers.location]).toEqual([303, '/inbox?q=1']);
    const cookie = String(shown.headers['set-cookie']);
    expect(cookie).toContain('HttpOnly; SameSite=Strict');
    // It goes to every port of this host: the token is not in it, and another dashboard's does not take its place.
    expect(cookie).toMatch(new RegExp(`^mesh-dashboard-${guarded}=`));
    expect(decodeURIComponent(cookie)).not.toContain(TOKEN);
    const raw = { cookie: `mesh-dashboard-${guarded}=${encodeURIComponent(TOKEN)}` };
    expect((await ask(guarded, '/api/board', raw)).status).toBe(401);
    expect((await ask(guarded, '/api/board', { cookie: cookie.split(';')[0] ?? '' })).status).toBe(200);
    expect((await ask(guarded, '/api/board', { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
  });

  it('lives on when the first line of a request is no address', async () => {
    // Nobody has shown anything yet: whoever reaches the port may send this.
    for (const path of ['//', '///', '//?token=x', '/\\'])
      expect([path, (await ask(guarded, path)).status]).toEqual([path, 401]);
    for (const path of ['*', 'http://[', '?token=x'])
      expect([path, (await ask(guarded, path)).status]).toEqual([path, 400]);
    expect((await ask(guarded, '/api/board')).status).toBe(401);
  });

  it('never sends a browser elsewhere', async () => {
    const { status, headers } = await ask(guarded, `//evil.example/?token=${TOKEN}`);
    expect([status, headers.location]).toEqual([303, '/evil.example/']);
  });

  it('is needed beyond loopback: without one the process says so and ends', async () => {
    const bare = mesh().add('dashboard', 'bare', { MESH_SUPERVISED: '', MESH_DASHBOARD_HOST: '0.0.0.0' });
    const { ended, lines } = await bare.startToEnd();
    expect(ended?.code).toBe(2);
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('set MESH_DASHBOARD_TOKEN')]);
  });
});
