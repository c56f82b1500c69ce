/** Supervision with real processes: what is started again, what is not, and how everything ends. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import { stopLeftovers } from '../../../cli/supervisor/leftovers.ts';
import { takeLock } from '../../../cli/supervisor/lock.ts';
import { parseServiceLine } from '../../../cli/supervisor/log-line.ts';
import { logServerStores, watchHealth } from '../../../cli/supervisor/log-server-health.ts';
import { ManagedProcess, type ProcessSpec } from '../../../cli/supervisor/managed-process.ts';
import { identityOf, isAlive } from '../../../cli/supervisor/process-mark.ts';
import { projectRoot } from '../../../config/settings.ts';
import { freezeProcess, thawProcess } from '../../support/kill.ts';
import { startNatsServer } from '../../support/nats-server.ts';

let folder: string;
const running: ManagedProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-process-'));
});
afterEach(async () => {
  for (const one of running) one.kill();
  await Promise.all(running.splice(0).map((one) => one.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const ready = `console.log(JSON.stringify({level:'info',msg:'ready'}));`;
const stay = 'setInterval(() => {}, 1000);';

interface Watched {
  readonly process: ManagedProcess;
  /** Resolves when the condition holds after a change. */
  until(condition: (one: ManagedProcess) => boolean): Promise<void>;
}

function manage(code: string, options: Partial<ProcessSpec> = {}): Watched {
  let wake: () => void = () => undefined;
  const managed = new ManagedProcess(
    {
      name: 'probe',
      command: process.execPath,
      args: ['-e', code],
      env: { ...process.env, MESH_SUPERVISED: '1' },
      cwd: folder,
      logPath: join(folder, `${running.length}.log`),
      parse: parseServiceLine,
      isReady: (line) => line.message === 'ready',
      stopMs: 5000,
      ...options,
    },
    { onChange: () => wake(), onLine: () => undefined },
  );
  running.push(managed);
  return {
    process: managed,
    until: async (condition) => {
      while (!condition(managed)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function pidOf(one: ManagedProcess): number {
  const pid = one.record().process?.pid;
  if (pid === undefined) throw new Error('it does not run');
  return pid;
}

describe('a supervised process', () => {
  it('is ready when it says so, and stops when asked', async () => {
    const { process: one, until } = manage(`${ready}${stay}`);
    one.start();
    expect(one.state).toBe('starting');
    await until((it) => it.state === 'ready');
    await expect(one.stop()).resolves.toBe('stopped');
    expect(one.record()).toMatchObject({ state: 'stopped', process: null, restarts: 0 });
  });

  it('given that it yields to others, then it does, relative to its supervisor', async () => {
    const { process: one, until } = manage(`${ready}${stay}`, { niceness: 3 });
    one.start();
    await until((it) => it.state === 'ready');
    expect(getPriority(pidOf(one))).toBe(Math.min(19, getPriority() + 3));
  });

  it('given a kill, then it is started again', async () => {
    const { process: one, until } = manage(`${ready}${stay}`);
    one.start();
    await until((it) => it.state === 'ready');
    const first = pidOf(one);
    process.kill(first, 'SIGKILL');
    await until((it) => it.hasExited);
    await until((it) => it.state === 'starting');
    await until((it) => it.state === 'ready');
    expect(pidOf(one)).not.toBe(first);
    expect(one.record().restarts).toBe(1);
  });

  it('given exit code 2, then it is not started again and its last error is told', async () => {
    const error = `console.log(JSON.stringify({level:'error',msg:'MODEL=x: no such file'}));`;
    const { process: one, until } = manage(`${error}process.exitCode = 2;`);
    one.start();
    await until((it) => it.state === 'failed');
    expect(one.problem).toBe('exited with code 2: MODEL=x: no such file');
    expect(one.record().restarts).toBe(0);
  });

  it('given an error nobody caught, then that is what is told', async () => {
    const { process: one, until } = manage(`throw new TypeError('boom')`);
    one.start();
    await until((it) => it.record().restarts >= 2);
    expect(readFileSync(one.spec.logPath, 'utf8')).toContain('TypeError: boom');
  });

  it('given a program that does not exist, then it has failed', async () => {
    const { process: one, until } = manage('', { command: '/no/such/program' });
    one.start();
    await until((it) => it.state === 'failed');
    expect(one.problem).toContain('ENOENT');
  });

  it('given one that ignores SIGTERM, then it is killed after its time', async () => {
    const { process: one, until } = manage(`process.on('SIGTERM', () => {});${ready}${stay}`, { stopMs: 200 });
    one.start();
    await until((it) => it.state === 'ready');
    await expect(one.stop()).resolves.toBe('killed');
  });

  it('given one that does not work any more, then it is ended, and waits to be started again', async () => {
    const { process: one, until } = manage(`${ready}${stay}`);
    one.start();
    await until((it) => it.state === 'ready');
    one.replace('does not answer any more');
    await until((it) => it.hasExited);
    expect(one.record()).toMatchObject({ state: 'waiting', restarts: 1, problem: 'does not answer any more' });
  });

  it('given what it needs is not ready, then it waits for it', async () => {
    const base = manage(`${ready}${stay}`);
    const { process: one } = manage(`${ready}${stay}`, { needs: base.process });
    one.start();
    expect(one.record()).toMatchObject({ state: 'waiting', process: null, problem: 'waits for probe' });
    base.process.start();
    await base.until((it) => it.state === 'ready');
    one.startIfWaiting();
    expect(one.state).toBe('starting');
  });

  it('given an early start, then it loads beside what it needs, but not without it', async () => {
    const base = manage(`${ready}${stay}`);
    const { process: one } = manage(`${ready}${stay}`, { needs: base.process });
    one.start(true);
    expect(one.state).toBe('waiting');
    base.process.start();
    expect(base.process.state).toBe('starting');
    one.start(true);
    expect(one.state).toBe('starting');
  });

  it('given a child of its own, then that ends with it', async () => {
    const code = `const c = require('node:child_process').spawn(process.execPath, ['-e', '${stay}'], {stdio: 'ignore'});
      console.log(JSON.stringify({level: 'info', msg: 'child ' + c.pid})); ${ready}${stay}`;
    const { process: one, until } = manage(code);
    one.start();
    await until((it) => it.state === 'ready');
    const child = identityOf(Number(/child (\d+)/.exec(one.lastLines.join('\n'))?.[1]));
    process.kill(pidOf(one), 'SIGKILL');
    await until((it) => it.record().restarts === 1);
    await expect.poll(() => child !== null && isAlive(child)).toBe(false);
  });

  it('writes what it prints to its log, without colour', async () => {
    const { process: one, until } = manage(`console.log('\\x1b[31mred\\x1b[39m');${ready}${stay}`);
    one.start();
    await until((it) => it.state === 'ready');
    expect(readFileSync(one.spec.logPath, 'utf8')).toMatch(/^red\n\{/);
  });
});

describe('a process that beats', () => {
  const loop = join(projectRoot, 'services', 'loop-beat.ts');
  const beating = `import(${JSON.stringify(loop)}).then(({ beatToSupervisor }) => {
    process.on('SIGUSR2', () => { for (;;); });
    beatToSupervisor(process.env.MESH_BEAT_FD); ${ready}${stay}
  });`;

  it.each([
    ['is stopped', 'SIGSTOP'],
    ['has a loop that hangs', 'SIGUSR2'],
  ] as const)('given that it %s, then it is ended and started again, and the reason is said', async (_name, signal) => {
    const { process: one, until } = manage(beating, { silentMaxMs: 3000 });
    one.start();
    await until((it) => it.state === 'ready');
    process.kill(pidOf(one), signal);
    await until((it) => it.record().restarts === 1);
    expect(one.record().problem).toBe('was silent for 3 s and was ended');
    await until((it) => it.state === 'ready');
  });

  it('given that it beats, then it is left alone; a stop reaches it also when it is stopped', async () => {
    const { process: one, until } = manage(beating, { silentMaxMs: 3000 });
    one.start();
    await until((it) => it.state === 'ready');
    const before = pidOf(one);
    await new Promise<void>((resolve) => {
      const beganMs = performance.now();
      const look = setInterval(() => {
        if (performance.now() - beganMs < 4500) return;
        clearInterval(look);
        resolve();
      }, 50);
    });
    expect(pidOf(one)).toBe(before);
    await freezeProcess(before);
    await expect(one.stop()).resolves.toBe('stopped');
  });
});

describe('the health of the log server', () => {
  it('given a server that answers everything and stores nothing, then it is not well', async () => {
    const server = createServer((socket) => {
      socket.write('INFO {"server_id":"x"} \r\n');
      socket.on('data', (chunk) => {
        const inbox = /PUB \S+ (_INBOX\S+) /.exec(chunk.toString())?.[1];
        const answer = '{"error":{"code":503,"description":"insufficient resources"}}';
        if (inbox !== undefined) socket.write(`MSG ${inbox} 1 ${answer.length}\r\n${answer}\r\n`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await logServerStores(port, { timeoutMs: 1000 })).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await logServerStores(port, { timeoutMs: 1000 })).toBe(false);
  });

  it('given a real server, then what it stores comes back; stopped, it is not well; going on, it is', async () => {
    const server = await startNatsServer();
    const port = Number(new URL(server.url).port);
    const { pid } = server;
    if (pid === null) throw new Error('it does not run');
    try {
      expect(await logServerStores(port), 'before there is a bucket').toBe(true);
      const bus = await connectBus({ url: server.url, name: 'test' });
      await bus.ensureTopology();
      expect(await logServerStores(port)).toBe(true);
      expect((await bus.kv('registry').get('probe'))?.value).toMatch(/^[0-9a-f-]{36}$/);
      await bus.close();
      await freezeProcess(pid);
      expect(await logServerStores(port, { timeoutMs: 300 })).toBe(false);
      thawProcess(pid);
      expect(await logServerStores(port)).toBe(true);
    } finally {
      thawProcess(pid);
      await server.stop();
    }
  });

  it('is broken after three failures in a row, not after two', async () => {
    const answers = [false, false, true, false, false, false];
    let asked = 0;
    await new Promise<void>((resolve) => {
      const end = watchHealth(
        () => Promise.resolve(answers[asked++] ?? true),
        () => {
          end();
          resolve();
        },
        1,
      );
    });
    expect(asked).toBe(6);
  });
});

describe('what a killed supervisor leaves', () => {
  it('is stopped by number and start time, the log server last', async () => {
    const order = join(folder, 'order');
    const code = (name: string) =>
      `process.on('SIGTERM', () => { require('node:fs').appendFileSync(${JSON.stringify(order)}, '${name} '); process.exit(0); });${ready}${stay}`;
    const records = await Promise.all(
      ['nats', 'agents'].map(async (name) => {
        const child = spawn(process.execPath, ['-e', code(name)], {
          detached: true,
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        await new Promise((resolve) => child.stdout.once('data', resolve));
        const identity = identityOf(child.pid ?? 0);
        return { name, process: identity, state: 'ready' as const, restarts: 0, startedAt: null, problem: null };
      }),
    );
    await stopLeftovers(records, 'nats');
    expect(records.every((one) => one.process !== null && !isAlive(one.process))).toBe(true);
    expect(readFileSync(order, 'utf8')).toBe('agents nats ');
  });

  it('leaves a process alone that only has the number', async () => {
    const child = spawn(process.execPath, ['-e', stay], { stdio: 'ignore' });
    const record = {
      name: 'agents',
      process: { pid: child.pid ?? 0, mark: 'another start' },
      state: 'ready' as const,
      restarts: 0,
      startedAt: null,
      problem: null,
    };
    await stopLeftovers([record], 'nats');
    expect(identityOf(child.pid ?? 0)).not.toBeNull();
    child.kill('SIGKILL');
  });
});

describe('the lock of a supervisor', () => {
  it('has one holder, and is free again when the holder was killed', async () => {
    const path = join(folder, 'lock');
    const module = JSON.stringify(join(projectRoot, 'cli', 'supervisor', 'lock.ts'));
    // A lock that nothing refers to would be collected as garbage, and given up by that.
    const code = `const {takeLock} = await import(${module}); globalThis.lock = takeLock(${JSON.stringify(path)}); console.log('held'); ${stay}`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(existsSync(path)).toBe(true);
    expect(takeLock(path)).toBeNull();
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    await ended;
    const lock = takeLock(path);
    expect(lock).not.toBeNull();
    lock?.release();
  });
});
