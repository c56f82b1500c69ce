/**
 * Import rules: who may know whom. `knows` is the picture of docs/architecture.md ("Who knows whom") as a table: a room may
 * import itself and what stands in its line, nothing else. Below it stand rules inside of rooms, and about packages.
 */
const rooms = [
  ...[
    'actors',
    'bench',
    'bus',
    'cli',
    'code-checks',
    'config',
    'containers',
    'dashboard',
    'embed',
    'gateway',
    'gguf-models',
  ],
  ...['guards', 'ingress', 'k8s', 'knowledge', 'mcp', 'monitoring', 'packaging', 'prompting', 'registry', 'resilience'],
  ...['router', 'schemas', 'sdk', 'services', 'simulation', 'task-client', 'telemetry', 'tests', 'worker-pool'],
];

const busPort = 'bus/port\\.ts';
const knowledgePort = 'knowledge/port\\.ts';
/** Pauses between tries, and so many at a time: leaves, for whoever waits. */
const waiting = 'resilience/(back-off|semaphore|sqlite-wal)\\.ts';
/** Making a folder, which ends everywhere. */
const folders = 'guards/make-folder\\.ts';

const knows = {
  // Leaves: they know nobody.
  config: [],
  guards: [],
  'gguf-models': [folders, waiting],
  schemas: [],
  'worker-pool': [],
  // For any role, and for none in particular.
  'code-checks': ['schemas/', 'worker-pool/'],
  prompting: ['code-checks/', 'schemas/'],
  // Adapters: they implement ports, and know no role.
  bus: ['schemas/', waiting],
  registry: ['bus/(port|broker-clock|layout)\\.ts'],
  telemetry: [busPort, folders, 'schemas/', waiting],
  router: ['gguf-models/', 'schemas/', waiting],
  knowledge: ['gguf-models/', 'guards/', 'resilience/sqlite-wal\\.ts', 'schemas/', 'worker-pool/'],
  mcp: ['guards/', 'schemas/', waiting],
  resilience: ['actors/runtime/(errors|ports)\\.ts', 'telemetry/spans\\.ts'],
  // The runtime knows no role, no LLM, no NATS, and of guards how a folder is made; roles know no NATS, no SQLite, and of telemetry its names.
  'actors/runtime': [busPort, 'schemas/', waiting, 'guards/make-folder\\.ts'],
  'actors/workflows': ['actors/', 'schemas/'],
  'actors/roles': [
    ...[
      'actors/(runtime|workflows)/',
      'code-checks/',
      'gguf-models/',
      'guards/',
      'prompting/',
      'resilience/',
      'schemas/',
    ],
    ...[knowledgePort, 'mcp/client/port\\.ts', 'router/port\\.ts', 'telemetry/spans\\.ts', 'worker-pool/'],
  ],
  ingress: ['actors/runtime/', busPort, 'schemas/'],
  // The one client of tasks, behind every door: no wire format, no process, no actor.
  'task-client': [busPort, folders, knowledgePort, 'schemas/', waiting],
  // Doors. The services build their adapters.
  'gateway/client': ['gateway/gen/', waiting],
  gateway: [
    ...[busPort, knowledgePort, 'guards/', 'registry/(registry|service-discovery)\\.ts', 'schemas/', 'task-client/'],
    waiting,
  ],
  // It calls the gateway, reads the log and the kept traces by the port of the bus, and never knows actors.
  'dashboard/server': [
    ...[
      'dashboard/',
      busPort,
      'gateway/client/',
      'guards/',
      'knowledge/(port|skip-words)\\.ts',
      'registry/registry\\.ts',
    ],
    ...['router/(port|evaluate|samples)\\.ts', 'schemas/', 'task-client/', 'telemetry/(trace-reader|spans)\\.ts'],
  ],
  // It asks the mesh by the client of tasks, as every other door does.
  cli: [
    ...['bus/', 'config/', 'gguf-models/', 'guards/', 'knowledge/', 'mcp/', 'registry/', 'router/', 'schemas/', 'sdk/'],
    ...['services/(table|idle-memory)\\.ts', 'services/adapters/', 'task-client/', 'telemetry/'],
    waiting,
  ],
  // What runs: it drives the runtime and the roles, and nobody of them knows it.
  simulation: [
    'actors/',
    'bus/',
    'cli/(script-options|written)\\.ts',
    'ingress/',
    'schemas/',
    'services/adapters/own-mesh\\.ts',
  ],
};

/** The longest name that begins a path is its room: `gateway/client` has rules of its own inside of `gateway`. */
const inside = (room) => Object.keys(knows).filter((other) => other.startsWith(`${room}/`));

const knowing = Object.entries(knows).map(([room, known]) => ({
  name: `${room.replaceAll('/', '-')}-knows-its-line`,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: inside(room).map((other) => `^${other}/`) },
  to: { path: `^(${rooms.join('|')})/`, pathNot: [`^${room}/`, ...known.map((one) => `^${one}`)] },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...knowing,
    {
      name: 'what-a-task-is-knows-no-log',
      comment: 'It is the same for a host at work, a fold of either store, and a check of the simulation.',
      severity: 'error',
      from: { path: '^actors/runtime/tasks/' },
      to: {
        path: '^actors/runtime/.+/',
        pathNot: ['tasks/', 'journal/record\\.ts', 'ledger/port\\.ts', 'effects/settlement\\.ts'].map(
          (one) => `^actors/runtime/${one}`,
        ),
      },
    },
    {
      name: 'the-ledger-knows-bytes-only',
      severity: 'error',
      from: { path: '^actors/runtime/ledger/' },
      to: { path: '^actors/runtime/', pathNot: '^actors/runtime/(ledger/|errors\\.ts)' },
    },
    {
      name: 'runtime-keeps-sqlite-in-the-ledger',
      severity: 'error',
      from: { path: '^actors/runtime/(?!ledger/)' },
      to: { path: 'better-sqlite3' },
    },
    {
      name: 'roles-know-no-protocol',
      severity: 'error',
      from: { path: '^actors/roles/' },
      to: { path: 'better-sqlite3|@nats-io|node_modules/nats|@modelcontextprotocol' },
    },
    {
      name: 'roles-know-no-other-role',
      comment: 'What two of them need stands beside their folders, or in a room of its own.',
      severity: 'error',
      from: { path: '^actors/roles/([^/]+)/' },
      to: { path: '^actors/roles/[^/]+/', pathNot: '^actors/roles/$1/' },
    },
    {
      name: 'mcp-client-and-server-are-two-things',
      comment: 'Calling tools of others, and being one that others call.',
      severity: 'error',
      from: { path: '^mcp/(client|server)/' },
      to: { path: '^mcp/(client|server)/', pathNot: '^mcp/$1/' },
    },
    {
      name: 'task-client-knows-no-wire',
      severity: 'error',
      from: { path: '^task-client/' },
      to: { path: '@grpc|@bufbuild|@a2a-js|@nats-io|^(node:)?https?2?$' },
    },
    {
      name: 'gateway-core-knows-no-wire',
      comment: 'One set of handlers for every binding: no gRPC, no protobuf, no HTTP in it.',
      severity: 'error',
      from: { path: '^gateway/core/' },
      to: { path: '^gateway/(?!core/)|@grpc|@bufbuild|@a2a-js|^(node:)?https?2?$' },
    },
    {
      name: 'gateway-bindings-know-the-core-only',
      comment: 'Dapr and the HTTP port know no A2A, and only the A2A binding knows its SDK.',
      severity: 'error',
      from: { path: '^gateway/(dapr|http|grpc|core)/' },
      to: { path: '^gateway/a2a/|@a2a-js|node_modules/express' },
    },
    {
      name: 'gateway-service-does-not-know-actors-insides',
      severity: 'error',
      from: { path: '^services/gateway\\.ts' },
      to: { path: '^actors/runtime/|^actors/roles/[^/]+/' },
    },
    {
      name: 'services-are-the-process-layer',
      comment: 'They put adapters together and are started; what lies below knows none of them, nor the command line.',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^cli/' },
    },
    {
      name: 'service-adapters-know-no-process',
      comment: 'An adapter is built from the settings, for a service or for a command.',
      severity: 'error',
      from: { path: '^services/adapters/' },
      to: { path: '^services/(?!adapters/)' },
    },
    {
      name: 'product-does-not-know-tests',
      severity: 'error',
      from: { path: '^', pathNot: '^(tests|bench)/' },
      to: { path: '^(tests|bench)/' },
    },
    {
      name: 'simulation-drives-the-product',
      comment: 'Of what it runs nobody knows it, but what a user tests roles with.',
      severity: 'error',
      from: { path: '^', pathNot: '^(simulation|tests|bench)/|^sdk/testing\\.ts' },
      to: { path: '^simulation/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|\\.mesh|artifacts|coverage)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
};
