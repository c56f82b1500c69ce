/**
 * What is in the package beside what the compiler makes. Owns: the list, with why each is needed. Does not own: copying.
 */

/** Files and folders of the checkout; a folder goes along whole. */
export const assets: readonly string[] = [
  // Licence, what changed, and what `mesh up` indexes in a mesh without documents of its own.
  'LICENSE',
  'NOTICE',
  'README.md',
  'CHANGELOG.md',
  'docs',
  // Read when the mesh runs.
  'actors/workflows',
  'actors/roles/coder/snippets',
  'router/weighing.schema.json',
  'router/models',
  'router/samples/test.tsv',
  'gateway/third_party/a2a',
  'simulation/workflows',
  'schemas/events/envelope.v1.json',
  'schemas/events/data',
  'dashboard/build',
  // For people and their tools: the protocol, the events, the settings, what `mesh init` copies.
  'gateway/proto/mesh',
  'gateway/openapi.yaml',
  'schemas/asyncapi.yaml',
  '.env.example',
  'mcp.example.json',
  'sdk/template',
];

/** Parts of these folders that stay behind: sources of programs, pictures, and what only the site of the docs needs. */
export const leftOut: readonly RegExp[] = [
  /^actors\/workflows\/.*\.ts$/,
  /^docs\/\.vitepress(?:\/|$)/,
  /^docs\/.*\.(?:png|svg)$/,
  /^dashboard\/build\/\.built$/,
];
