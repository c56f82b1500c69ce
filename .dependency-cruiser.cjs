/** Import rules: who may know whom (docs/architecture.md, "Who knows whom"). */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'schemas-are-a-leaf',
      comment: 'schemas/events knows nobody.',
      severity: 'error',
      from: { path: '^schemas/' },
      to: {
        path: '^(actors|bus|router|knowledge|models|client|gateway|services|cli|telemetry|mcp|config|tests|bench)/',
      },
    },
    {
      name: 'guards-are-a-leaf',
      comment: 'What may be reached or read is the same rule for whoever asks.',
      severity: 'error',
      from: { path: '^guards/' },
      to: {
        path: '^(actors|bus|router|knowledge|models|client|gateway|services|cli|telemetry|mcp|config|schemas|tests|bench)/',
      },
    },
    {
      name: 'runtime-knows-schemas-and-ports',
      comment: 'The runtime knows no role, no LLM, no NATS: only schemas/events and the port of the bus.',
      severity: 'error',
      from: { path: '^actors/runtime/' },
      to: {
        path: '^(actors/(?!runtime/)|bus/(?!port\\.ts)|router|knowledge|models|client|gateway|services|cli|telemetry|mcp|config|tests|bench)',
      },
    },
    {
      name: 'runtime-keeps-sqlite-in-the-ledger',
      severity: 'error',
      from: { path: '^actors/runtime/(?!ledger/)' },
      to: { path: 'better-sqlite3' },
    },
    {
      name: 'roles-know-the-runtime-and-ports',
      comment: 'Roles know no NATS, no SQLite and no telemetry but its names.',
      severity: 'error',
      from: { path: '^actors/roles/' },
      to: {
        path: '^(bus|client|gateway|cli|config|tests|bench)/|^services/(?!breakers\\.ts)|^telemetry/(?!spans\\.ts)|^(knowledge|router|mcp)/(?!port\\.ts)|better-sqlite3|@nats-io|node_modules/nats|@modelcontextprotocol',
      },
    },
    {
      name: 'roles-know-no-other-role',
      comment: 'What two of them need stands beside their folders, or in a room of its own.',
      severity: 'error',
      from: { path: '^actors/roles/([^/]+)/' },
      to: { path: '^actors/roles/[^/]+/', pathNot: '^actors/roles/$1/' },
    },
    {
      name: 'prompting-and-code-checks-know-no-actor',
      comment: 'What skills are made of, and the static checks: for any role, and for none in particular.',
      severity: 'error',
      from: { path: '^(prompting|code-checks)/' },
      to: {
        path: '^(actors/(?!workers/)|bus|router|knowledge|models|client|gateway|services|cli|config|telemetry|mcp|sdk|tests|bench)',
      },
    },
    {
      name: 'code-checks-know-no-prompts',
      severity: 'error',
      from: { path: '^code-checks/' },
      to: { path: '^prompting/' },
    },
    {
      name: 'adapters-implement-ports',
      severity: 'error',
      from: { path: '^(bus|router|knowledge|models|telemetry|mcp)/' },
      to: { path: '^(actors/(?!workers/)|(client|gateway|services|cli|config|tests|bench)/)' },
    },
    {
      name: 'client-knows-events-and-the-bus',
      comment: 'The one client of tasks, behind every door: no wire format, no process, no actor.',
      severity: 'error',
      from: { path: '^client/' },
      to: {
        path: '^(actors|gateway|services|router|cli|telemetry|models|mcp|config|tests|bench)/|^bus/(?!port\\.ts)|^knowledge/(?!port\\.ts)|@grpc|@bufbuild|@a2a-js|@nats-io|^(node:)?https?2?$',
      },
    },
    {
      name: 'gateway-knows-ports',
      comment: 'The services build its adapters; it knows the client of tasks, events, the ports of bus and knowledge.',
      severity: 'error',
      from: { path: '^gateway/' },
      to: {
        path: '^(actors|services|router|cli|telemetry|config|tests|bench)/|^bus/(?!(port|registry|service-discovery)\\.ts)|^knowledge/(?!port\\.ts)',
      },
    },
    {
      name: 'gateway-service-does-not-know-actors-insides',
      severity: 'error',
      from: { path: '^services/gateway\\.ts' },
      to: { path: '^actors/runtime/|^actors/roles/[^/]+/' },
    },
    {
      name: 'gateway-core-knows-no-wire',
      comment: 'One set of handlers for every binding: no gRPC, no protobuf, no HTTP in it.',
      severity: 'error',
      from: { path: '^gateway/core/' },
      to: { path: '^gateway/(?!core/)|@grpc|@bufbuild|@a2a-js|^(node:)?https?2?$' },
    },
    {
      name: 'gateway-client-knows-the-protocol-only',
      severity: 'error',
      from: { path: '^gateway/client/' },
      to: {
        path: '^(actors|bus|client|router|knowledge|services|cli|config|telemetry|tests|bench|schemas)/|^gateway/(core|grpc|a2a|dapr|http)',
      },
    },
    {
      name: 'gateway-bindings-know-the-core-only',
      comment: 'Dapr and the HTTP port know no A2A, and only the A2A binding knows its SDK.',
      severity: 'error',
      from: { path: '^gateway/(dapr|http|grpc|core)/' },
      to: { path: '^gateway/a2a/|@a2a-js|node_modules/express' },
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
      to: { path: '^services/(?!adapters/|breakers\\.ts)' },
    },
    {
      name: 'cli-knows-the-table-and-adapters-of-services',
      comment: 'It asks the mesh by the client of tasks, as every other door does.',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^services/(?!(table|idle-memory)\\.ts|adapters/)|^gateway/' },
    },
    {
      name: 'dashboard-knows-the-gateway-client-and-the-log',
      comment:
        'It calls the gateway, reads the log and the kept traces by the port of the bus, and never knows actors.',
      severity: 'error',
      from: { path: '^dashboard/server/' },
      to: {
        path: '^(actors|services|cli|config|tests|bench)/|^telemetry/(?!(trace-reader|spans)\\.ts)|^bus/(?!(port|registry)\\.ts)|^gateway/(?!client/)|^knowledge/(?!(port|skip-words)\\.ts)|^router/(?!(port|evaluate|samples)\\.ts)',
      },
    },
    {
      name: 'config-is-a-leaf',
      severity: 'error',
      from: { path: '^config/' },
      to: { path: '^(actors|bus|router|knowledge|models|gateway|services|cli|telemetry|mcp|tests|bench|schemas)/' },
    },
    {
      name: 'product-does-not-know-tests',
      severity: 'error',
      from: {
        path: '^(actors|bus|router|knowledge|models|client|code-checks|gateway|guards|prompting|services|cli|config|telemetry|mcp|schemas|dashboard|sdk|simulation)/',
      },
      to: { path: '^(tests|bench)/' },
    },
    {
      name: 'simulation-drives-the-product',
      comment: 'It runs the runtime and the roles; of what it runs nobody knows it, but what a user tests roles with.',
      severity: 'error',
      from: {
        path: '^(actors|bus|router|knowledge|models|client|code-checks|gateway|guards|prompting|services|cli|config|telemetry|mcp|schemas|dashboard|sdk/(?!testing\\.ts))/?',
      },
      to: { path: '^simulation/' },
    },
    {
      name: 'cli-does-not-know-actors-insides',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^actors/(runtime|roles)/' },
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
