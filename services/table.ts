/**
 * The services of a mesh: every process there is, once. Owns: the table. The supervisor, the caps, the heartbeat,
 * `mesh doctor` and the entry point read it. Does not own: what a service does; `start` loads that when it is wanted,
 * so that reading the table costs nothing.
 *
 * A new service is an entry here and its start function.
 */
import type { SecretName, Settings } from '../config/settings.ts';
import type { StartService } from './service-life.ts';

export interface ServedPort {
  /** Setting that holds it. */
  readonly setting: 'MESH_GRPC_PORT' | 'MESH_HTTP_PORT' | 'MESH_DASHBOARD_PORT';
  /** Setting that holds the address it is on. */
  readonly host: 'MESH_GATEWAY_HOST' | 'MESH_DASHBOARD_HOST';
  /** What is spoken there, for people. */
  readonly what: string;
}

export interface Service {
  /** Of the process, its log and its heartbeats; a role names the service that hosts it by this word (`role.ts`). */
  readonly name: string;
  /** For `nats micro ls`. */
  readonly description: string;
  /** For the summary of `mesh up`, in few words. */
  readonly summary: string;
  /** Its process is started by `mesh up`; one that is not is started by hand, where it is wanted. */
  readonly supervised: boolean;
  /** Hosts roles, and remembers in a ledger of its own how far it has read the log. */
  readonly hasLedger: boolean;
  /** Heap limit, MiB. */
  readonly heapMb: (settings: Settings) => number;
  /** Size of libuv's thread pool; a model's own threads are not among them. */
  readonly poolThreads: (settings: Settings) => number;
  /** What yields to others: a generation must not slow down those who decide. 0 to 19. */
  readonly niceness: number;
  /** Secret settings that it reads; the others are not in the environment of its process. */
  readonly secrets: readonly SecretName[];
  /** Where it listens; `mesh doctor` looks whether they are free, or answer. */
  readonly ports: readonly ServedPort[];
  /** Of its name between the logs of a foreground mesh. */
  readonly colour: 'cyan' | 'magenta' | 'yellow' | 'green' | 'white';
  readonly start: () => Promise<StartService>;
}

/** The llm process works in its model's threads; the pool only hands requests over to them. */
const LLM_POOL_THREADS = 4;
/** The gateway reads sockets; only its searches touch files. */
const GATEWAY_POOL_THREADS = 4;
/** The dashboard reads sockets; its model and its searches touch files now and then. */
const DASHBOARD_POOL_THREADS = 4;
/** One model and one server; nothing of it grows with its use. */
const ROUTER_HEAP_MB = 256;
const ROUTER_POOL_THREADS = 4;
/** It waits for questions. */
const KEEPER_HEAP_MB = 128;
const KEEPER_POOL_THREADS = 4;

const startActors = async (): Promise<StartService> => (await import('./actors.ts')).startActors;

export const services = [
  {
    name: 'agents',
    description: 'Agent Mesh: decides and does the steps of tasks',
    summary: 'orchestrator, retriever, coder, reviewer, responder',
    supervised: true,
    hasLedger: true,
    heapMb: (settings) => settings.AGENTS_MEMORY_MB,
    poolThreads: (settings) => settings.AGENTS_THREADS,
    niceness: 0,
    secrets: ['MESH_SIGNING_KEY'],
    ports: [],
    colour: 'cyan',
    start: startActors,
  },
  {
    name: 'llm',
    description: 'Agent Mesh: makes text',
    summary: 'language model',
    supervised: true,
    hasLedger: true,
    heapMb: (settings) => settings.LLM_MEMORY_MB,
    poolThreads: () => LLM_POOL_THREADS,
    niceness: 5,
    secrets: ['MESH_SIGNING_KEY', 'OPENAI_API_KEY'],
    ports: [],
    colour: 'magenta',
    start: startActors,
  },
  {
    name: 'tools',
    description: 'Agent Mesh: runs tools',
    summary: 'tools',
    supervised: true,
    hasLedger: true,
    heapMb: (settings) => settings.TOOLS_MEMORY_MB,
    poolThreads: (settings) => settings.TOOLS_THREADS,
    niceness: 5,
    // An MCP server of `mcp.json` may be given it by name.
    secrets: ['MESH_SIGNING_KEY', 'OPENAI_API_KEY'],
    ports: [],
    colour: 'yellow',
    start: startActors,
  },
  {
    name: 'gateway',
    description: 'Agent Mesh: the front door for callers from outside',
    summary: 'gRPC, A2A',
    supervised: true,
    hasLedger: false,
    heapMb: (settings) => settings.GATEWAY_MEMORY_MB,
    poolThreads: () => GATEWAY_POOL_THREADS,
    niceness: 0,
    secrets: ['MESH_SIGNING_KEY', 'MESH_PUSH_SIGNING_KEY'],
    ports: [
      { setting: 'MESH_GRPC_PORT', host: 'MESH_GATEWAY_HOST', what: 'gRPC' },
      { setting: 'MESH_HTTP_PORT', host: 'MESH_GATEWAY_HOST', what: 'HTTP' },
    ],
    colour: 'green',
    start: async () => (await import('./gateway.ts')).startGateway,
  },
  {
    name: 'dashboard',
    description: 'Agent Mesh: pages that show the mesh',
    summary: 'dashboard',
    supervised: true,
    hasLedger: false,
    heapMb: (settings) => settings.DASHBOARD_MEMORY_MB,
    poolThreads: () => DASHBOARD_POOL_THREADS,
    niceness: 5,
    secrets: ['MESH_SIGNING_KEY', 'MESH_DASHBOARD_TOKEN', 'MESH_DASHBOARD_CALLER_TOKEN'],
    ports: [{ setting: 'MESH_DASHBOARD_PORT', host: 'MESH_DASHBOARD_HOST', what: 'dashboard' }],
    colour: 'white',
    start: async () => (await import('./dashboard.ts')).startDashboard,
  },
  {
    name: 'router',
    description: 'Agent Mesh: weighs queries for routers elsewhere',
    summary: 'router model',
    supervised: false,
    hasLedger: false,
    heapMb: () => ROUTER_HEAP_MB,
    poolThreads: () => ROUTER_POOL_THREADS,
    niceness: 0,
    secrets: [],
    ports: [],
    colour: 'white',
    start: async () => (await import('./router.ts')).startRouter,
  },
  {
    name: 'keeper',
    description: 'Agent Mesh: makes the streams and buckets of the log',
    summary: 'streams',
    supervised: false,
    hasLedger: false,
    heapMb: () => KEEPER_HEAP_MB,
    poolThreads: () => KEEPER_POOL_THREADS,
    niceness: 0,
    secrets: [],
    ports: [],
    colour: 'white',
    start: async () => (await import('./keeper.ts')).startKeeper,
  },
] as const satisfies readonly Service[];

export type ServiceName = (typeof services)[number]['name'];

/** The entry of that name, or null. */
export function serviceNamed(name: string): (Service & { readonly name: ServiceName }) | null {
  return services.find((one) => one.name === name) ?? null;
}

/** Those that `mesh up` starts. */
export const supervisedServices: readonly Service[] = services.filter(({ supervised }) => supervised);
