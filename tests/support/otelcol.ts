/**
 * A collector for tests: OpenTelemetry's own, built from monitoring/collector where a Go toolchain is, with the
 * configuration that the project ships. Owns: building it once, running it, and reading what it received. Does not own:
 * the configuration. Where it cannot be built, the tests' own receiver of OTLP takes its place, and says so.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../config/settings.ts';
import { within } from './changes.ts';
import { freePort } from './nats-server.ts';
import { type ReceivedSpan, SpanCollector, spansInRequest } from './span-collector.ts';

const folder = join(projectRoot, 'monitoring', 'collector');
const config = join(folder, 'collector.yaml');
const binary = join(projectRoot, '.mesh', 'bin', 'otelcol-mesh');
const BUILD_LIMIT_MS = 540_000;
const START_LIMIT_MS = 90_000;
const run = promisify(execFile);

/** Path of the collector, or null where none can be had. */
export async function provideOtelcol(): Promise<string | null> {
  if (existsSync(binary)) return binary;
  mkdirSync(join(projectRoot, '.mesh', 'bin'), { recursive: true });
  try {
    const args = ['build', '-p', '1', '-ldflags=-s -w', '-o', binary, '.'];
    await run('go', args, { cwd: folder, timeout: BUILD_LIMIT_MS, env: { ...process.env, GOFLAGS: '-mod=readonly' } });
    return binary;
  } catch (error) {
    process.stderr.write(`no otelcol: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}\n`);
    return null;
  }
}

/** Checks a configuration as `otelcol validate` does; rejects with what it says. */
export async function validateConfig(path: string, home: string): Promise<void> {
  await run(path, ['validate', '--config', config], { env: { ...process.env, MESH_COLLECTOR_HOME: home } });
}

export interface RunningCollector {
  readonly kind: 'otelcol' | 'receiver';
  readonly endpoint: string;
  /** All that it received until now. */
  spans(): ReceivedSpan[];
  close(): Promise<void>;
}

export async function openTestCollector(): Promise<RunningCollector> {
  const path = await provideOtelcol();
  if (path === null) {
    const receiver = await SpanCollector.open();
    return {
      ...{ kind: 'receiver', endpoint: receiver.endpoint, spans: () => receiver.spans },
      close: () => receiver.close(),
    };
  }
  const home = await mkdtemp(join(tmpdir(), 'mesh-otelcol-'));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(path, ['--config', config], {
    env: { ...process.env, MESH_COLLECTOR_HOME: home, MESH_COLLECTOR_ADDRESS: address },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await within(START_LIMIT_MS, ready(child), 'the collector did not become ready');
  const received = join(home, 'received.jsonl');
  return {
    ...{ kind: 'otelcol', endpoint: `http://${address}` },
    spans() {
      if (!existsSync(received)) return [];
      // A last line that is being written is read the next time.
      const whole = readFileSync(received, 'utf8').split('\n').slice(0, -1);
      return whole.flatMap((line) => spansInRequest(line));
    },
    async close() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(home, { recursive: true, force: true });
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-4000);
      if (said.includes('Everything is ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`the collector ended: ${said}`)));
  });
}
