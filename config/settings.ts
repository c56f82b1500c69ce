/**
 * The one place where the environment is read. Owns: every setting, its default, its check and its description;
 * `.env.example` is made from here. Does not own: what a setting does.
 */
import { existsSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { z } from 'zod';

const optionalText = z.string().trim().min(1).optional();
/** Goes into a header: what may not stand there is refused by whoever sends it, with the whole value in the message. */
const token = (lengthMin = 1) =>
  z
    .string()
    .trim()
    .min(lengthMin, lengthMin === 1 ? 'must not be blank' : `must have at least ${lengthMin} characters`)
    .regex(/^[\x21-\x7e]+$/, 'must have letters, digits and signs of ASCII alone, and no spaces')
    .optional();
const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol.slice(0, -1)),
      `must be a URL starting with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    )
    .optional();
/** What is no address at all has its own message. */
const isHostAlone = (text: string): boolean => {
  if (!URL.canParse(text)) return true;
  const { username, password, pathname, search, hash } = new URL(text);
  return `${username}${password}${pathname.replace(/^\/$/, '')}${search}${hash}` === '';
};
const count = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const optionalCount = (min: number, max: number) => z.coerce.number().int().min(min).max(max).optional();

/** Description, and the line shown in `.env.example`, of every setting. */
const table = {
  MESH_CONFIG: [
    optionalText,
    'mesh.config.ts of a mesh of your own (docs/your-own.md); the one in the working folder, or in the nearest above it, when unset.',
    'my-mesh/mesh.config.ts',
  ],
  MESH_HOME: [optionalText, 'Folder of everything the mesh keeps on this machine.', '.mesh'],
  NATS_URL: [
    z
      .string()
      .refine(
        (text) =>
          text
            .split(',')
            .every((one) => URL.canParse(one.trim()) && /^(nats|tls):$/.test(new URL(one.trim()).protocol)),
        'must be nats://host:port or tls://host:port, several separated by commas',
      )
      .optional(),
    'A NATS server of yours; unset, `mesh up` starts one.',
    'nats://127.0.0.1:4222',
  ],
  NATS_CREDS: [
    optionalText,
    'File with the credentials for that server (.creds, as `nsc` writes it).',
    '/etc/mesh/mesh.creds',
  ],
  NATS_NKEY: [optionalText, 'File with the seed of an nkey for that server, instead.', '/etc/mesh/agents.nk'],
  NATS_CA: [
    optionalText,
    'Authority, PEM, that the certificate of that server is of; TLS is asked for then.',
    'nats-ca.pem',
  ],
  NATS_CERT: [
    optionalText,
    'Certificate, PEM, by which the mesh shows that server who it is; with NATS_KEY.',
    'mesh.pem',
  ],
  NATS_KEY: [optionalText, 'Private key of that certificate, PEM.', 'mesh.key'],
  MESH_NATS_PORT: [count(1, 65_535, 4222), 'Port of the NATS server that `mesh up` starts, on loopback.', '4222'],
  MESH_NATS_SERVER: [optionalText, 'Path of a nats-server binary to use.', '/usr/sbin/nats-server'],
  MESH_LOG_LEVEL: [z.enum(['debug', 'info', 'warn', 'error']).default('info'), 'debug, info, warn or error.', 'info'],
  MESH_COMMIT: [
    z.enum(['group', 'hop']).default('group'),
    'group: effects that leave no trace outside run ahead of the commit by a few milliseconds; hop: every effect waits for it.',
    'group',
  ],
  MESH_HOST_ID: [
    optionalText,
    'Name of this host in leases; derived from host name and ledger path when unset.',
    'desk-1',
  ],
  MESH_LEASE_TTL_MS: [
    count(500, 600_000, 5000),
    'A silent host loses its leases after this time, milliseconds.',
    '5000',
  ],
  MESH_SIGNING_KEY: [
    optionalText,
    'Messages of the log are signed with this Ed25519 key, 32 bytes in base64 or the path of a PEM file (`mesh keys new`), and unsigned ones go into quarantine.',
    'signing-key.pem',
  ],
  MESH_SIGNING_TRUSTED: [
    optionalText,
    'Public keys whose messages are taken beside those of the own key, base64, separated by commas: other hosts, and keys before a change.',
    '2Zt8NVyv3YbzCzy0tKQ4mh9J5xGkVRrF3V5tq2mXw1c',
  ],
  MESH_SIGNED_SINCE: [
    z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-29T08:00:00Z' }).optional(),
    'Unsigned messages that the log stored before this time are taken: set it when signing begins on a mesh that has a past.',
    '2026-11-29T08:00:00Z',
  ],
  MESH_STANDBY: [
    z.enum(['on', 'off']).default('off'),
    'A host on standby takes partitions only while no other host of its service is there (docs/scaling.md); others share them.',
    'off',
  ],
  MESH_LOG_REPLICAS: [
    count(1, 5, 1),
    'Servers of a NATS cluster that keep a copy of the log, at least; 3 survive the loss of one. It is raised where it is lower, never lowered.',
    '3',
  ],
  MESH_HEALTH_PORT: [
    optionalCount(1, 65_535),
    'Port on which a service answers /startupz, /readyz and /livez (docs/containers.md); unset, it answers none. One service a port.',
    '7450',
  ],
  MESH_HEALTH_HOST: [
    z.string().trim().min(1).default('127.0.0.1'),
    'Address of that port; it tells states alone, no content.',
    '0.0.0.0',
  ],
  MESH_SILENT_MAX_MS: [
    count(3000, 3_600_000, 30_000),
    'A service whose event loop does not turn for this long is ended and started again by `mesh up`, milliseconds.',
    '30000',
  ],
  MESH_TASK_DEADLINE_MS: [count(1000, 86_400_000, 3_600_000), 'Time a task may take, milliseconds.', '3600000'],
  MESH_BACKUP_INTERVAL_MS: [
    count(1000, 86_400_000, 900_000),
    'Time between online backups of a ledger, milliseconds.',
    '900000',
  ],
  CHECKPOINT_DB_PATH: [
    optionalText,
    'Ledger of the agents service; the other services keep theirs beside it.',
    '.mesh/ledger/agents.db',
  ],
  MESH_KNOWLEDGE_PATH: [optionalText, 'The knowledge base.', '.mesh/knowledge.db'],
  OPENAI_BASE_URL: [
    url('http', 'https'),
    'Any OpenAI-compatible endpoint (Ollama, vLLM, llama-server).',
    'http://127.0.0.1:11434/v1',
  ],
  OPENAI_API_KEY: [token(), 'Key of that endpoint, if it asks for one.', 'sk-your-key'],
  OPENAI_MODEL: [
    optionalText,
    'Model to ask for; the first one that the endpoint lists when unset.',
    'qwen2.5-coder:7b',
  ],
  OLLAMA_HOST: [
    optionalText,
    'Where an Ollama listens (host, host:port or URL); used by LLM_ENGINE=ollama, and looked at by `mesh models ls`.',
    '127.0.0.1:11434',
  ],
  LLM_ENGINE: [
    z.enum(['auto', 'llama', 'openai', 'ollama', 'extractive']).default('auto'),
    'auto: llama when LLM_MODEL_PATH is set, else openai when OPENAI_BASE_URL is, else extractive (no language model); ollama: the Ollama at OLLAMA_HOST.',
    'auto',
  ],
  LLM_MODEL_PATH: [
    optionalText,
    'A GGUF file for llama.cpp: a path, or the name of a file in MESH_HOME/models (`mesh models ls`).',
    'qwen2.5-coder-3b-instruct-q4_k_m.gguf',
  ],
  LLM_THREADS: [
    optionalCount(1, 512),
    'Threads of llama.cpp; 8 or as many as there are cores when unset, never more than the cores.',
    '4',
  ],
  LLM_CONTEXT_SIZE: [
    count(512, 1_048_576, 8192),
    'Tokens of one generation, prompt and text together; never more than the model was trained for.',
    '8192',
  ],
  LLM_BATCH_SIZE: [count(32, 8192, 512), 'Tokens of a prompt that llama.cpp reads at once.', '512'],
  LLM_PARALLEL: [count(1, 64, 2), 'Generations at once; with llama.cpp each has a context of its own in memory.', '2'],
  LLM_QUEUE_MAX: [count(1, 10_000, 64), 'Generations that may wait; one more is refused.', '64'],
  LLM_SEED: [
    optionalCount(0, 4_294_967_295),
    'Makes llama.cpp choose the same words for the same prompt; random when unset.',
    '1',
  ],
  LLM_TEMPERATURE: [z.coerce.number().min(0).max(2).default(0.2), 'How freely words are chosen, 0 to 2.', '0.2'],
  LLM_MODEL_MEMORY_MB: [
    optionalCount(64, 4_194_304),
    'Memory that the model and its contexts may need, MiB; one that needs more is not loaded. What the machine has when unset.',
    '4096',
  ],
  LLM_TIMEOUT_MS: [
    count(1000, 3_600_000, 600_000),
    'Time one generation may take, milliseconds, with loading the model and reading the prompt; the time of steps follows from it.',
    '600000',
  ],
  LLM_FIRST_BYTE_TIMEOUT_MS: [
    optionalCount(1000, 3_600_000),
    'Time an endpoint may be silent before its first word, milliseconds: it loads its model and reads the prompt; LLM_TIMEOUT_MS when unset.',
    '300000',
  ],
  LLM_IDLE_TIMEOUT_MS: [
    count(1000, 3_600_000, 120_000),
    'Time an endpoint may be silent between two words, milliseconds.',
    '120000',
  ],
  LLM_MAX_TOKENS: [count(16, 131_072, 2048), 'Tokens one generation may make.', '2048'],
  CHECKS_RUN_EXAMPLES: [
    z.enum(['on', 'off']).default('on'),
    'on: TypeScript and JavaScript that a model wrote is run against the examples and tests in its request, in a process without network, files and rights (docs/models.md); off: it is only looked at.',
    'on',
  ],
  TOOLS_ALLOW_HOSTS: [
    optionalText,
    'Hosts (host or host:port, separated by commas) that the HTTP tools may reach; none when unset.',
    '127.0.0.1:8080,api.example.org',
  ],
  TOOLS_WORKSPACE: [
    optionalText,
    'Folder that the file tools may read, and nothing outside of it; unset, they read nothing.',
    'docs',
  ],
  TOOLS_POLICY: [
    optionalText,
    'File with the rules for which tools run for whom, and which ask a person (docs/tools.md); unset, what changes something outside asks, unless it comes from the command line.',
    'tools-policy.json',
  ],
  MESH_MCP_CONFIG: [
    optionalText,
    'MCP servers whose tools the mesh uses (docs/tools.md); mcp.json in the project when unset.',
    'mcp.json',
  ],
  MESH_MCP_TOKEN: [
    token(16),
    'Bearer token that `mesh mcp --http` asks for; a new one is made and printed at each start when unset.',
    'a-long-random-text',
  ],
  AGENTS_MEMORY_MB: [count(64, 65_536, 512), 'Heap limit of the agents process, MiB.', '512'],
  LLM_MEMORY_MB: [
    count(64, 65_536, 512),
    'Heap limit of the llm process, MiB; the model of LLM_MODEL_PATH comes on top.',
    '512',
  ],
  TOOLS_MEMORY_MB: [count(64, 65_536, 256), 'Heap limit of the tools process, MiB.', '256'],
  AGENTS_THREADS: [count(1, 64, 4), 'Threads of the agents process for files and native code.', '4'],
  TOOLS_THREADS: [count(1, 64, 4), 'Threads of the tools process for files and native code.', '4'],
  GATEWAY_MEMORY_MB: [count(64, 65_536, 256), 'Heap limit of the gateway process, MiB.', '256'],
  MESH_GRPC_PORT: [count(1, 65_535, 7443), 'Port on which the gateway serves gRPC.', '7443'],
  MESH_HTTP_PORT: [
    count(1, 65_535, 7444),
    'Port on which the gateway serves A2A (JSON-RPC and HTTP+JSON) and the Dapr app channel.',
    '7444',
  ],
  MESH_PUBLIC_URL: [
    url('http', 'https'),
    'How other machines reach the HTTP port of the gateway; stands in the A2A agent card.',
    'https://mesh.example.org',
  ],
  MESH_PUSH_ALLOW_HOSTS: [
    optionalText,
    'Hosts (host or host:port, separated by commas) to which A2A push notifications may go although their address is private; none when unset.',
    '127.0.0.1:9000',
  ],
  MESH_PUSH_SIGNING_KEY: [
    optionalText,
    'File with the private key (Ed25519, PEM) by which A2A push notifications are signed; several gateways share one. A new one is made in MESH_HOME when unset.',
    'push-signing-key.pem',
  ],
  MESH_PUSH_CONFIGS_PER_CALLER: [
    count(1, 1000, 100),
    'Push notification configs that one caller may have for tasks that have not ended; 1000 of all callers together.',
    '100',
  ],
  MESH_A2A_CARD: [
    z.enum(['1.0', 'both']).default('1.0'),
    '1.0: the A2A agent card is what the schema of 1.0 allows. both: whoever fetches it without saying a version gets the fields of 0.3 as well.',
    'both',
  ],
  MESH_WORKFLOWS: [
    optionalText,
    'Folder with workflows of your own, one JSON file each, beside those that are shipped (docs/workflows.md).',
    'workflows',
  ],
  MESH_DAPR_PUBSUB: [
    optionalText,
    'Name of the Dapr pub/sub component whose topic mesh.tasks feeds the mesh (docs/a2a.md); unset, the gateway asks Dapr for nothing.',
    'orders-pubsub',
  ],
  MESH_DAPR_DOOR: [
    z.enum(['closed', 'open']).default('closed'),
    'open: events of Dapr are taken at /dapr/tasks although MESH_DAPR_PUBSUB is unset, for a subscription that is declared (docs/dapr.md).',
    'open',
  ],
  MESH_GATEWAY_HOST: [
    z.string().trim().min(1).default('127.0.0.1'),
    'Address on which the gateway serves; beyond loopback it needs MESH_GATEWAY_CALLERS or MESH_GATEWAY_TLS_CLIENT_CA.',
    '0.0.0.0',
  ],
  MESH_GATEWAY_CALLERS: [
    optionalText,
    'File of the callers and the hashes of their tokens (docs/gateway.md); unset, the user of this machine who runs it may do everything, over loopback.',
    'callers.json',
  ],
  MESH_LOOPBACK_USERS: [
    z.enum(['own', 'any']).default('own'),
    'own: where nobody is asked who they are (a gateway without callers, a dashboard without a token), other users of this machine are not answered, as far as the system tells whose a connection is (Linux); any: they are.',
    'any',
  ],
  MESH_GATEWAY_TLS_CERT: [
    optionalText,
    'Certificate chain of the gateway, PEM; with MESH_GATEWAY_TLS_KEY.',
    'gateway.pem',
  ],
  MESH_GATEWAY_TLS_KEY: [optionalText, 'Private key of that certificate, PEM.', 'gateway.key'],
  MESH_GATEWAY_TLS_CLIENT_CA: [
    optionalText,
    'Authority, PEM, of which callers must show a certificate.',
    'clients-ca.pem',
  ],
  MESH_GATEWAY_CALLS_PER_SECOND: [count(1, 100_000, 500), 'Calls that one caller may begin in a second.', '500'],
  MESH_GATEWAY_CALLS_AT_ONCE: [count(1, 2000, 256), 'Calls of one caller under way at the same time.', '256'],
  MESH_CALLER_TASKS_MAX: [count(1, 1_000_000, 1000), 'Tasks of one caller of the gateway that have not ended.', '1000'],
  MESH_CALLER_MB_PER_DAY: [
    count(1, 1_048_576, 4096),
    'What one caller of the gateway may have the mesh store in a day, MiB: nine times what it writes, and 48 KiB a task.',
    '4096',
  ],
  MESH_GATEWAY_KEEPALIVE_MS: [
    count(1000, 3_600_000, 30_000),
    'A silent connection is asked after this time whether it lives, milliseconds.',
    '30000',
  ],
  MESH_DASHBOARD_HOST: [
    z.string().trim().min(1).default('127.0.0.1'),
    'Address on which the dashboard is served; beyond loopback it needs MESH_DASHBOARD_TOKEN.',
    '0.0.0.0',
  ],
  MESH_DASHBOARD_PORT: [count(1, 65_535, 7445), 'Port on which the dashboard is served.', '7445'],
  MESH_DASHBOARD_TOKEN: [
    token(16),
    'Whoever opens the dashboard shows it once, as ?token=…; unset, the user of this machine who runs it may open it, over loopback.',
    'a-long-random-text',
  ],
  MESH_DASHBOARD_CALLER_TOKEN: [
    token(),
    'Token by which the dashboard calls the gateway, where MESH_GATEWAY_CALLERS is set.',
    'a-long-random-text',
  ],
  DASHBOARD_MEMORY_MB: [count(64, 65_536, 256), 'Heap limit of the dashboard process, MiB.', '256'],
  OBS_MODE: [
    z.enum(['debug', 'shipping']).default('shipping'),
    'shipping: spans only. debug: a crash opens a window in which everything is told (docs/observability.md). Live: `mesh mode debug`.',
    'debug',
  ],
  OBS_MODE_FILE: [
    optionalText,
    'File with the mode, which the gateway follows: a changed word in it switches the whole mesh within seconds (docs/kubernetes.md).',
    '/etc/mesh/OBS_MODE',
  ],
  OBS_WINDOW_MS: [
    count(1000, 3_600_000, 300_000),
    'How long the window is open that a crash opens in debug mode, milliseconds.',
    '300000',
  ],
  OBS_CONTENT: [
    z.enum(['never', 'window']).default('never'),
    'window: prompts, code and answers are in spans while a window is open; never: not even then.',
    'window',
  ],
  OBS_TRACES_PER_SECOND: [
    z.coerce.number().min(0).max(1_000_000).default(10),
    'Tasks whose trace is kept, of those that begin in one second; of all while a window is open.',
    '10',
  ],
  OBS_PRICE_INPUT: [
    z.coerce.number().min(0).max(1_000_000).default(0),
    'Price of a million tokens that a language model reads, for the metric of cost.',
    '0.15',
  ],
  OBS_PRICE_OUTPUT: [
    z.coerce.number().min(0).max(1_000_000).default(0),
    'Price of a million tokens that a language model writes.',
    '0.60',
  ],
  MESH_METRICS_PORT: [
    optionalCount(1, 65_535),
    'Port on loopback where the gateway offers the metrics of all services to Prometheus; none when unset.',
    '9464',
  ],
  OTEL_EXPORTER_OTLP_ENDPOINT: [
    url('http', 'https'),
    'A collector, by OTLP over HTTP (docs/observability.md); unset, spans stay in the stream MESH_TELEMETRY.',
    'http://127.0.0.1:4318',
  ],
  ROUTER_MODEL_PATH: [
    optionalText,
    'GGUF model that routes: one trained for it, or any instruct model; the shipped router/models/router.gguf when unset.',
    'models/qwen2.5-3b-instruct-q4_k_m.gguf',
  ],
  ROUTER_URL: [
    url('grpc').refine(
      (text) => text === undefined || isHostAlone(text),
      'must name host and port only, without a password, which would not be sent',
    ),
    'A router service (`node services/main.ts router`) that weighs queries instead of a model in the agents process.',
    'grpc://127.0.0.1:50071',
  ],
  ROUTER_CONFIDENCE_THRESHOLD: [
    z.coerce.number().min(0).max(1).default(0.94),
    'Below this confidence, 0 to 1, the router takes the fallback workflow. Live: `mesh router set threshold 0.6`.',
    '0.94',
  ],
  ROUTER_TIMEOUT_MS: [
    count(1, 60_000, 250),
    'Time the router model has for a decision, milliseconds; then the rules decide. Live: `mesh router set timeout 500`.',
    '250',
  ],
  ROUTER_THREADS: [count(1, 64, 1), 'Threads of the router model.', '1'],
  ROUTER_SERVICE_HOST: [
    z.string().trim().min(1).default('127.0.0.1'),
    'Address that the router service listens on; it asks no one who they are, so keep it inside.',
    '127.0.0.1',
  ],
  ROUTER_SERVICE_PORT: [count(1, 65_535, 50_071), 'Port that the router service listens on.', '50071'],
  EMBEDDING_MODEL_PATH: [
    optionalText,
    'An embedding model (GGUF): the knowledge base is then searched by meaning as well as by words.',
    'all-MiniLM-L6-v2.Q8_0.gguf',
  ],
  EMBEDDING_PASSAGE_TOKENS: [
    count(16, 504, 128),
    'Tokens of a passage that are embedded, from its beginning, path and heading included. More costs time; after a change `mesh index` embeds everything anew.',
    '128',
  ],
  CHROMA_URL: [
    url('http', 'https').refine(
      (text) => text === undefined || isHostAlone(text),
      'must name host and port only, without a path, and without a password, which would not be sent',
    ),
    'A Chroma server (http://host:port) that keeps the vectors of the knowledge base; several machines may share it.',
    'http://127.0.0.1:8000',
  ],
} as const satisfies Record<string, readonly [z.ZodType, string, string]>;

/** Settings whose value is a secret: it is in no message, record or log. */
export const secretNames = [
  'MESH_SIGNING_KEY',
  'OPENAI_API_KEY',
  'MESH_MCP_TOKEN',
  'MESH_PUSH_SIGNING_KEY',
  'MESH_DASHBOARD_TOKEN',
  'MESH_DASHBOARD_CALLER_TOKEN',
] as const satisfies readonly (keyof typeof table)[];
export type SecretName = (typeof secretNames)[number];

/**
 * What to set in the environment of a process that needs these secrets and no other. The others are empty and not absent:
 * a process that reads `.env` takes nothing from there that is set.
 */
export function blankSecrets(needed: readonly SecretName[]): Readonly<Record<string, string>> {
  return Object.fromEntries(secretNames.filter((name) => !needed.includes(name)).map((name) => [name, '']));
}

/** As it may be shown: not when it is a secret, and without the password that an address may hold. */
function shownValue(name: string, value: string): string {
  if (secretNames.some((one) => one === name)) return HIDDEN;
  return /@|:\/\//.test(value) || addressNames.some((one) => one === name) ? shownUrl(value) : value;
}

const HIDDEN = '(not shown)';
/** Settings that are addresses, each of which may hold a password. */
const addressNames = ['NATS_URL', 'OPENAI_BASE_URL', 'OLLAMA_HOST', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'CHROMA_URL'];

/** Addresses, separated by commas, without user, password and query. What is no address may be a piece of a password. */
export function shownUrl(text: string): string {
  const shown = text.split(',').map((one) => {
    const trimmed = one.trim();
    if (!URL.canParse(trimmed)) return null;
    const { protocol, host, pathname } = new URL(trimmed);
    return host === '' ? null : `${protocol}//${host}${pathname.replace(/\/$/, '')}`;
  });
  return shown.includes(null) ? HIDDEN : shown.join(',');
}

/** All there are. */
export const settingNames: readonly string[] = Object.keys(table);

type Raw = { [K in keyof typeof table]: z.output<(typeof table)[K][0]> };

export interface Settings
  extends Omit<Raw, 'MESH_HOME' | 'CHECKPOINT_DB_PATH' | 'MESH_KNOWLEDGE_PATH' | 'MESH_MCP_CONFIG'> {
  readonly MESH_HOME: string;
  readonly CHECKPOINT_DB_PATH: string;
  readonly MESH_KNOWLEDGE_PATH: string;
  readonly MESH_MCP_CONFIG: string;
}

/** A wrong setting; the message is one line that names it and says what is allowed. Exit code 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

/** Where the product lies: the folder that holds its `package.json`. */
export const projectRoot: string = resolve(import.meta.dirname, '..');

/** Of programs: a checkout runs what is written, a package what was made of it. */
const ENDING = extname(import.meta.filename);
/** What runs is a package that was built, and not a checkout. */
export const isPackage: boolean = ENDING === '.js';

/** A program of the product, to be run by node. @param path from the product's folder, without the ending of its file */
export function programFile(...path: readonly string[]): string {
  return join(projectRoot, ...path) + ENDING;
}

/** Loads `.env` from the folder of the mesh, without overriding what is set already. */
export function loadEnvFile(path: string = join(meshFolder(), '.env')): void {
  if (existsSync(path)) process.loadEnvFile(path);
}

/**
 * Checks and completes the settings. Empty values count as unset; relative paths are taken from the folder of the mesh.
 * @throws SettingsError
 */
export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const raw: Record<string, unknown> = {};
  for (const [name, [schema]] of Object.entries(table)) {
    const value = env[name] === '' ? undefined : env[name];
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]?.message ?? 'is not valid';
      throw new SettingsError(`${name}=${shownValue(name, value ?? '')}: ${issue}`);
    }
    raw[name] = parsed.data;
  }
  const settings = raw as Raw;
  const root = meshFolder();
  const home = resolve(root, settings.MESH_HOME ?? '.mesh');
  return {
    ...settings,
    MESH_HOME: home,
    CHECKPOINT_DB_PATH: resolve(root, settings.CHECKPOINT_DB_PATH ?? join(home, 'ledger', 'agents.db')),
    MESH_KNOWLEDGE_PATH: resolve(root, settings.MESH_KNOWLEDGE_PATH ?? join(home, 'knowledge.db')),
    MESH_MCP_CONFIG: resolve(root, settings.MESH_MCP_CONFIG ?? 'mcp.json'),
    ...(settings.TOOLS_POLICY === undefined ? {} : { TOOLS_POLICY: resolve(root, settings.TOOLS_POLICY) }),
    ...(settings.TOOLS_WORKSPACE === undefined ? {} : { TOOLS_WORKSPACE: resolve(root, settings.TOOLS_WORKSPACE) }),
  };
}

/** Settings that may be changed while the mesh runs, in KV `mesh-config`, under their own names. */
export const liveNames = ['ROUTER_CONFIDENCE_THRESHOLD', 'ROUTER_TIMEOUT_MS'] as const;
export type LiveName = (typeof liveNames)[number];

/** One value of a live setting. @throws SettingsError */
export function parseLive(name: LiveName, text: string): number {
  const parsed = table[name][0].safeParse(text.trim() === '' ? Number.NaN : text);
  if (parsed.success) return parsed.data;
  throw new SettingsError(`${name}=${shownValue(name, text)}: ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
}

const CONFIG_NAMES = ['mesh.config.ts', 'mesh.config.js', 'mesh.config.mjs'];

/**
 * The `mesh.config.ts` of a mesh of the user's own; null for the mesh as it ships. One is looked for in the working folder
 * and those above it, and in the product's own folder nowhere above that.
 * @throws SettingsError when MESH_CONFIG names no file
 */
export function meshConfigPath(
  env: Readonly<Record<string, string | undefined>> = process.env,
  from: string = process.cwd(),
): string | null {
  const named = env.MESH_CONFIG?.trim();
  if (named) {
    const path = resolve(from, named);
    if (existsSync(path)) return path;
    throw new SettingsError(`MESH_CONFIG=${named}: there is no such file; \`mesh init my-mesh\` makes one`);
  }
  for (let folder = from; folder !== projectRoot; folder = dirname(folder)) {
    const found = CONFIG_NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (dirname(folder) === folder) return null;
  }
  return null;
}

/** For a process that is started in another folder than this one: it is to find the same mesh. */
export function meshEnv(): Readonly<Record<string, string>> {
  const path = meshConfigPath();
  return path === null ? {} : { MESH_CONFIG: path };
}

/**
 * Folder of the mesh: where its `.env` and its state lie, and from which relative paths of settings are taken. Without a
 * config it is the checkout; for a package, which keeps nothing in itself, the folder of work or one above it with a `.mesh`.
 */
export function meshFolder(): string {
  const config = meshConfigPath();
  if (config !== null) return dirname(config);
  return isPackage ? folderWithState(process.cwd()) : projectRoot;
}

function folderWithState(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.mesh'))) return folder;
    if (dirname(folder) === folder) return from;
  }
}

/** Where workflows of the user's own lie; null for none. */
export function workflowsFolder({ MESH_WORKFLOWS: folder }: Pick<Settings, 'MESH_WORKFLOWS'>): string | null {
  return folder === undefined ? null : resolve(meshFolder(), folder);
}

/** Ledger file of a service: the agents' is named, the others lie beside it. */
export function ledgerPath(settings: Settings, service: string): string {
  return service === 'agents'
    ? settings.CHECKPOINT_DB_PATH
    : join(dirname(settings.CHECKPOINT_DB_PATH), `${service}.db`);
}

/** Address of the NATS server: the user's, or the one that `mesh up` starts. */
export function natsUrl(settings: Pick<Settings, 'NATS_URL' | 'MESH_NATS_PORT'>): string {
  return settings.NATS_URL ?? `nats://127.0.0.1:${settings.MESH_NATS_PORT}`;
}

/** Text of `.env.example`. */
export function envExample(): string {
  const lines = ['# Every setting of Agent Mesh. Copy to .env and uncomment what you need.', ''];
  for (const [name, [, description, example]] of Object.entries(table))
    lines.push(`# ${description}`, `#${name}=${example}`, '');
  return lines.join('\n');
}

/** Text of `docs/configuration.md`. */
export function configurationPage(): string {
  const rows = Object.entries(table).map(([name, [schema, description, example]]) => {
    const text = description.replaceAll('|', '\\|').replaceAll('<', '&lt;');
    return `| \`${name}\` | ${shownDefault(schema)} | ${text} For example \`${example}\`. |`;
  });
  return `${PAGE_HEAD}${rows.join('\n')}\n`;
}

const PAGE_HEAD = `# Configuration

Settings are environment variables, or lines of \`.env\`; the environment comes first. \`.env\` and relative paths are of the
checkout, or of the folder of a [mesh of your own](your-own.md). An empty value counts as unset, and a wrong value stops a
start with the name and what is allowed. Most
take effect at the next start; \`ROUTER_CONFIDENCE_THRESHOLD\` and \`ROUTER_TIMEOUT_MS\` can also be changed live, in the
bucket \`mesh-config\`, and the mode by \`mesh mode\`. Made from \`config/settings.ts\`, as \`.env.example\` is.

| setting | default | what it does |
|---|---|---|
`;

function shownDefault(schema: z.ZodType): string {
  const fallback = schema.safeParse(undefined);
  return fallback.success && fallback.data !== undefined ? `\`${String(fallback.data)}\`` : '';
}

if (import.meta.main && process.argv.includes('--env-example')) process.stdout.write(envExample());
if (import.meta.main && process.argv.includes('--page')) process.stdout.write(configurationPage());
