/**
 * The composed mesh under podman, without a compose program. Owns: turning a service of compose.yaml into the arguments
 * of `podman run` (limits, mounts, networks, hardening), and what was made. Does not own: the order of the trial.
 *
 * Where no systemd keeps podman's timers, health checks are run here by `podman exec`, as written in compose.yaml.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { projectRoot } from '../../config/settings.ts';

const exec = promisify(execFile);
const ASK_EVERY_MS = 1000;

const composed = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      entrypoint: z.array(z.string()).optional(),
      command: z.array(z.string()).default([]),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
      volumes: z.array(z.string()).default([]),
      configs: z.array(z.looseObject({ source: z.string(), target: z.string() })).default([]),
      networks: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
      tmpfs: z.array(z.string()).default([]),
      healthcheck: z.looseObject({ test: z.array(z.string()).optional() }).optional(),
      deploy: z
        .looseObject({
          resources: z.looseObject({
            limits: z.looseObject({ cpus: z.string(), memory: z.string(), pids: z.number() }),
          }),
        })
        .optional(),
    }),
  ),
  configs: z.record(z.string(), z.looseObject({ file: z.string() })),
});

const compose = composed.parse(parse(readFileSync(join(projectRoot, 'compose.yaml'), 'utf8'), { merge: true }));
type Composed = (typeof compose.services)[string];

export class Engine {
  readonly #prefix: string;
  readonly #images: Readonly<Record<string, string>>;
  readonly #variables: Readonly<Record<string, string>>;
  readonly #volumes = new Set<string>();

  /**
   * @param images stand-ins, by service
   * @param variables of compose.yaml, as a `.env` sets them
   */
  constructor(
    prefix: string,
    images: Readonly<Record<string, string>>,
    variables: Readonly<Record<string, string>> = {},
  ) {
    this.#prefix = prefix;
    this.#images = images;
    this.#variables = variables;
  }

  async makeNetworks(): Promise<void> {
    await podman('network', 'create', '--internal', this.#named('inside'));
    await podman('network', 'create', this.#named('outside'));
  }

  /** Starts a service in the background. */
  async start(name: string): Promise<void> {
    const service = serviceOf(name);
    await podman('run', '--detach', '--name', this.#named(name), ...this.#arguments(name, service));
  }

  /** Runs one to its end and returns what it printed. */
  async runOnce(name: string, command: readonly string[] = []): Promise<string> {
    const service = serviceOf(name);
    const given = command.length === 0 ? service : { ...service, command: [...command] };
    return podman('run', '--rm', ...this.#arguments(name, given));
  }

  /** Runs a command in one that runs, and returns what it printed. */
  ask(name: string, command: readonly string[]): Promise<string> {
    return podman('exec', this.#named(name), ...command);
  }

  kill(name: string): Promise<string> {
    return podman('kill', '--signal', 'KILL', this.#named(name));
  }

  async restart(name: string): Promise<void> {
    await podman('wait', this.#named(name));
    await podman('start', this.#named(name));
  }

  /** Asks as compose.yaml says until the answer is yes. @throws with the end of its log when it stays no */
  async untilHealthy(name: string, limitMs: number): Promise<void> {
    const [kind, ...test] = serviceOf(name).healthcheck?.test ?? [];
    if (kind !== 'CMD') throw new Error(`compose.yaml has no health check of ${name}`);
    const deadline = performance.now() + limitMs;
    let last = '';
    while (performance.now() < deadline) {
      try {
        await podman('exec', this.#named(name), ...test);
        return;
      } catch (error) {
        last = String(error);
      }
      // A service that could not start yet is started again by its restart policy; podman has no daemon to do it in time.
      await pause(ASK_EVERY_MS);
    }
    throw new Error(`${name} is not healthy: ${last}\n${await this.logs(name)}`);
  }

  /** Of one whose image has nothing to ask with. */
  async untilRunning(name: string, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    while ((await this.inspect(name, '{{.State.Running}}')) !== 'true') {
      if (performance.now() > deadline) throw new Error(`${name} does not run: ${await this.logs(name)}`);
      await pause(ASK_EVERY_MS);
    }
  }

  inspect(name: string, format: string): Promise<string> {
    return podman('inspect', '--format', format, this.#named(name));
  }

  logs(name: string, lines = 20): Promise<string> {
    return podmanAll('logs', '--tail', String(lines), this.#named(name));
  }

  /** Resolves with the line that has the text. @throws with the end of the log, after the limit */
  async untilSaid(name: string, text: string, limitMs: number): Promise<string> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const log = await this.logs(name, 400);
      const line = log.split('\n').find((one) => one.includes(text));
      if (line !== undefined) return line;
      if (performance.now() > deadline) throw new Error(`${name} did not say "${text}": ${log.slice(-2000)}`);
      await pause(ASK_EVERY_MS);
    }
  }

  async remove(): Promise<void> {
    const names = Object.keys(compose.services).map((name) => this.#named(name));
    await podman('rm', '--force', '--ignore', '--time', '0', ...names);
    for (const volume of this.#volumes) await podman('volume', 'rm', '--force', volume);
    await podman('network', 'rm', '--force', this.#named('inside'), this.#named('outside'));
  }

  /** `${NAME:-default}` as compose reads it. */
  #resolved(value: string): string {
    return value.replace(
      /\$\{(\w+):-([^}]*)\}/,
      (_, name: string, otherwise: string) => this.#variables[name] ?? otherwise,
    );
  }

  #named(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #arguments(name: string, service: Composed): string[] {
    const { limits } = service.deploy?.resources ?? {};
    const mounts = service.volumes.map((volume) => {
      const [source = '', ...rest] = volume.split(':');
      this.#volumes.add(this.#named(source));
      return `--volume=${[this.#named(source), ...rest].join(':')}`;
    });
    const configs = service.configs.map(({ source, target }) => {
      const file = compose.configs[source]?.file ?? '';
      return `--volume=${join(projectRoot, file)}:${target}:ro`;
    });
    const environment = Object.entries(service.environment).map(
      ([key, value]) => `--env=${key}=${this.#resolved(String(value))}`,
    );
    const networks =
      service.networks.length === 0
        ? ['--network=none']
        : service.networks.map((network) => `--network=${this.#named(network)}:alias=${name}`);
    const [entry, ...entryRest] = service.entrypoint ?? [];
    return [
      ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges:true'],
      ...service.tmpfs.map((one) => `--tmpfs=${one}`),
      ...(limits === undefined
        ? []
        : [`--cpus=${limits.cpus}`, `--memory=${limits.memory}`, `--pids-limit=${limits.pids}`]),
      ...mounts,
      ...configs,
      ...environment,
      ...networks,
      // A free port of this machine, on loopback as in compose.yaml.
      ...service.ports.map((port) => `--publish=127.0.0.1::${port.split(':').at(-1)}`),
      ...(entry === undefined ? [] : [`--entrypoint=${entry}`]),
      this.#images[name] ?? `localhost/${service.image}`,
      ...entryRest,
      ...service.command,
    ];
  }
}

function serviceOf(name: string): Composed {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return service;
}

/** What it printed. @throws Error with what podman said */
async function podman(...args: string[]): Promise<string> {
  return (await run(args)).stdout.trim();
}

/** With what it printed as an error: a program in a container may log there. */
async function podmanAll(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(args);
  return `${stdout}${stderr}`.trim();
}

async function run(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  try {
    // Its monitor leaves a mark of a full memory in the folder that it was called in.
    return await exec('podman', args, { cwd: tmpdir(), maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    const printed = error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : '';
    throw new Error(`podman ${args[0]}: ${said} ${printed}`, { cause: error });
  }
}
