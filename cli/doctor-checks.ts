/**
 * What `mesh doctor` looks at. Owns: each check and its advice. Does not own: how the report looks.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { SKEW_TOLD_MS } from '../bus/broker-clock.ts';
import { assertStores } from '../bus/stores.ts';
import { hasCredentials } from '../config/nats-access.ts';
import { natsUrl, type Settings, shownUrl } from '../config/settings.ts';
import { livingServices } from '../registry/registry.ts';
import { type Service, supervisedServices } from '../services/table.ts';
import { graphicsCard, languageModel } from './doctor-model.ts';
import { routerCheck } from './doctor-router.ts';
import { telemetryCheck } from './doctor-telemetry.ts';
import { codeOf, toFailure } from './errors.ts';
import { localTrouble } from './local-trouble.ts';
import { withBus } from './mesh-client.ts';
import { NATS_SERVER_VERSION } from './nats-download.ts';
import { findNatsServer } from './nats-server.ts';
import { skewText } from './status-view.ts';
import { freeBytes } from './supervisor/disk.ts';
import { isPortFree, prepareHome } from './supervisor/home.ts';
import { liveness, readRunState } from './supervisor/run-state.ts';
import { bytes } from './terminal.ts';

/** `warn` works with limits; `fail` does not work. `exitCode` 2: configuration, 3: something is missing. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** One line; for `warn` and `fail` it says what to do. */
  readonly text: string;
  readonly exitCode?: 2 | 3;
}

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 5000;

async function versionFrom(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await run(command, [...args], { timeout: COMMAND_TIMEOUT_MS });
    return (stdout || stderr).trim().split('\n')[0] ?? '';
  } catch {
    return null;
  }
}

function node(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > 22 || (major === 22 && minor >= 18);
  return fits
    ? { name: 'node', status: 'ok', text: process.versions.node }
    : { name: 'node', status: 'fail', text: `${process.versions.node}; 22.18 or newer is needed`, exitCode: 3 };
}

async function npm(): Promise<Check> {
  const version = await versionFrom('npm', ['--version']);
  return version === null
    ? { name: 'npm', status: 'warn', text: 'not found; it is needed to install or update' }
    : { name: 'npm', status: 'ok', text: version };
}

function natsServer(settings: Settings): Check {
  const name = 'nats-server';
  if (settings.NATS_URL !== undefined) return { name, status: 'ok', text: 'not needed: NATS_URL is set' };
  try {
    const passedOver: string[] = [];
    const found = findNatsServer(settings, (text) => passedOver.push(text));
    if (found !== null) return { name, status: 'ok', text: `${found.version} (${found.path})` };
    return {
      name,
      status: 'warn',
      text: `${passedOver.join('; ') || 'not found'}; \`mesh up\` fetches ${NATS_SERVER_VERSION}, or set MESH_NATS_SERVER`,
    };
  } catch (error) {
    const { message, exitCode } = toFailure(error);
    return { name, status: 'fail', text: message, exitCode: exitCode === 2 ? 2 : 3 };
  }
}

async function port(settings: Settings): Promise<Check | null> {
  if (settings.NATS_URL !== undefined || liveness(readRunState(settings)).kind !== 'down') return null;
  const number = settings.MESH_NATS_PORT;
  return (await isPortFree(number))
    ? { name: 'port', status: 'ok', text: `${number} is free` }
    : { name: 'port', status: 'fail', text: `${number} is taken; set MESH_NATS_PORT or NATS_URL`, exitCode: 2 };
}

/** Where services listen: free before the start, answering afterwards. */
async function servicePorts(settings: Settings, { name, ports }: Service): Promise<Check> {
  const running = liveness(readRunState(settings)).kind === 'up';
  const served: string[] = [];
  for (const { setting, host: hostSetting, what } of ports) {
    const [number, host] = [settings[setting], settings[hostSetting]];
    const free = await isPortFree(number, setting);
    if (running && free && host === '127.0.0.1') {
      return { name, status: 'fail', text: `nothing serves ${what} on ${number}; see \`mesh status\``, exitCode: 3 };
    }
    if (!running && !free) {
      return { name, status: 'fail', text: `port ${number} is taken; set ${setting}`, exitCode: 2 };
    }
    served.push(running ? `${what} on ${host}:${number}` : `port ${number} is free`);
  }
  return { name, status: 'ok', text: served.join(', ') };
}

function home(settings: Settings): Check {
  const path = settings.MESH_HOME;
  try {
    prepareHome(settings);
  } catch (error) {
    const { message, exitCode } = toFailure(error);
    return { name: 'MESH_HOME', status: 'fail', text: message, exitCode: exitCode === 2 ? 2 : 3 };
  }
  const free = freeBytes(path);
  const text = `${path}, ${bytes(free)} free`;
  return { name: 'MESH_HOME', status: free < 1024 ** 3 ? 'warn' : 'ok', text };
}

const FROM_THE_LOG = 'it is rebuilt from the log';
const FROM_THE_DOCUMENTS = '`mesh index` makes it anew from your documents';

/** @param anew how a damaged one comes back */
export function databaseCheck(name: string, path: string, anew: string): Check {
  const damaged = (why: string): Check => {
    return { name, status: 'fail', text: `damaged (${why}); move it aside, ${anew}`, exitCode: 3 };
  };
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const result = db.pragma('quick_check(1)', { simple: true });
      return result === 'ok' ? { name, status: 'ok', text: 'sound' } : damaged(String(result));
    } finally {
      db.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(codeOf(error))) return damaged(reason);
    // A disk that is full or read-only, or somebody else's file: nothing says that what is in it is lost.
    return { name, status: 'fail', text: `cannot be read (${reason}): look at its disk and its rights`, exitCode: 3 };
  }
}

function ledgers(settings: Settings): Check[] {
  const folder = dirname(settings.CHECKPOINT_DB_PATH);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.db')) : [];
  if (files.length === 0) return [{ name: 'ledgers', status: 'ok', text: 'none yet' }];
  return files.map((file) => databaseCheck(`ledger ${file}`, join(folder, file), FROM_THE_LOG));
}

function knowledge(settings: Settings): Check {
  const path = settings.MESH_KNOWLEDGE_PATH;
  if (!existsSync(path)) return { name: 'knowledge', status: 'ok', text: 'none yet; the first `mesh up` makes it' };
  return databaseCheck('knowledge', path, FROM_THE_DOCUMENTS);
}

/** What is wrong with the mesh that runs here, as it is seen from outside. */
function running(settings: Settings): Check[] {
  return localTrouble(settings, liveness(readRunState(settings))).map(({ kind, text }) =>
    kind === 'fails'
      ? { name: 'running', status: 'fail', text, exitCode: 3 }
      : { name: 'running', status: 'warn', text },
  );
}

async function nats(settings: Settings): Promise<Check> {
  const name = 'NATS';
  const expected = settings.NATS_URL !== undefined || liveness(readRunState(settings)).kind === 'up';
  if (!expected) return { name, status: 'ok', text: 'not running; the mesh is down' };
  try {
    const version = await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      await assertStores(bus);
      return bus.serverVersion;
    });
    const url = shownUrl(natsUrl(settings));
    if (!hasCredentials(settings)) {
      const text = `${url} works, and is reached without credentials: whoever else reaches it reads and writes everything (docs/nats-security.md)`;
      return { name, status: 'warn', text };
    }
    return { name, status: 'ok', text: `${url} stores a message and gives it back, version ${version}` };
  } catch (error) {
    const { message, expected } = toFailure(error);
    if (!expected) throw error;
    return { name, status: 'fail', text: message, exitCode: 3 };
  }
}

/** Clocks of services and the log server's: limits of time do not need them to agree, people who read times do. */
async function clocks(settings: Settings): Promise<Check | null> {
  if (settings.NATS_URL === undefined && liveness(readRunState(settings)).kind !== 'up') return null;
  const name = 'clocks';
  try {
    const beats = await withBus(settings, (bus) => livingServices(bus));
    const off = beats.filter(({ clockSkewMs }) => Math.abs(clockSkewMs ?? 0) >= SKEW_TOLD_MS);
    if (off.length === 0) return { name, status: 'ok', text: "services agree with the log server's to a second" };
    const words = off.map(({ service, host, clockSkewMs }) => `${service} on ${host}: ${skewText(clockSkewMs ?? 0)}`);
    return { name, status: 'warn', text: words.join('; ') };
  } catch (error) {
    // That the log cannot be asked is said by its own check.
    if (toFailure(error).expected) return null;
    throw error;
  }
}

async function python(): Promise<Check> {
  const version = await versionFrom('python3', ['--version']);
  return version === null
    ? { name: 'python3', status: 'warn', text: 'not found: the reviewer cannot compile Python code' }
    : { name: 'python3', status: 'ok', text: version.replace('Python ', '') };
}

export async function allChecks(settings: Settings): Promise<Check[]> {
  const listening = supervisedServices.filter(({ ports }) => ports.length > 0);
  const checks = [
    node(),
    await npm(),
    natsServer(settings),
    await port(settings),
    ...(await Promise.all(listening.map((service) => servicePorts(settings, service)))),
    home(settings),
    ...ledgers(settings),
    knowledge(settings),
    ...running(settings),
    await nats(settings),
    await clocks(settings),
    await languageModel(settings),
    graphicsCard(),
    await routerCheck(settings),
    await telemetryCheck(settings),
    await python(),
  ];
  return checks.filter((check) => check !== null);
}
