/**
 * What `import … from 'agent-mesh/testing'` gives: the simulator, for tests of a mesh of one's own. Owns: its public surface,
 * and what a test is told. Does not own: the simulation (`simulation/`).
 *
 * The real runtime, the real roles and the roles of the mesh run in one process; clock, network, disk and the world outside
 * are simulated, and a seed decides what goes wrong: processes are killed at any point, stores are lost or put back, words
 * are lost, doubled and late. After each seed everything that is promised is checked: no task lost or left open, no deed
 * done twice that may not be, nothing said that was not recorded. Effects are not run: stand-ins of them are
 * (`simulation` of a role), with the fences and time limits of the effects themselves.
 */
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCampaign } from '../simulation/campaign.ts';
import { loadCatalog } from '../simulation/catalog.ts';
import type { MeshConfig } from './define-mesh.ts';
import { checkMesh, loadMesh } from './load-mesh.ts';

export interface SimulationOptions {
  /** A mesh as `defineMesh` gives it, with paths from the working folder, or the path of its `mesh.config.ts`. */
  readonly config: MeshConfig | string | URL;
  /** How many runs; 50 when absent, a few seconds. */
  readonly seeds?: number;
  /** The first seed; 1 when absent. The same seed is the same run. */
  readonly seed?: number;
  /** Workflows that callers ask for; the mesh's own when absent, or all where it has none. */
  readonly workflows?: readonly string[];
}

export interface BrokenPromise {
  readonly seed: number;
  /** Such as `S6`; docs/architecture.md has them all, and `progress` is that everything comes to an end. */
  readonly invariant: string;
  readonly message: string;
  /** The command that shows this run again. */
  readonly replay: string;
}

export interface SimulationReport {
  readonly seeds: number;
  /** None: every promise held in every run. */
  readonly violations: readonly BrokenPromise[];
  /** How often processes died: killed, with their machine, or at a point that the seed has aimed at. */
  readonly kills: number;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often effects were run, by `role/effect`; zero says that no run came that far. */
  readonly effects: Readonly<Record<string, number>>;
  /** Effects of the mesh that have no stand-in: tasks that need one fail in the simulation. */
  readonly unsimulated: readonly string[];
}

const SEEDS_DEFAULT = 50;
const EFFECT = 'effect ';

/** Runs the mesh in the simulator. @throws SettingsError for a mistake in the config, RangeError for a workflow that is not there */
export async function simulateMesh(options: SimulationOptions): Promise<SimulationReport> {
  const { config, seeds = SEEDS_DEFAULT, seed = 1 } = options;
  const own = await meshOf(config);
  const catalog = await loadCatalog(own);
  const named = options.workflows ?? own.workflows.map((file) => basename(file, '.json'));
  const wished = named.length > 0 ? named : [...catalog.workflows.keys()];
  const missing = wished.find((name) => !catalog.workflows.has(name));
  if (missing !== undefined)
    throw new RangeError(
      `workflows: there is no workflow ${missing}; there are ${[...catalog.workflows.keys()].join(', ')}`,
    );
  const names = new Set(own.roles.map(({ name }) => name));
  const result = await runCampaign({ firstSeed: seed, seeds, catalog: { ...catalog, wished } });
  const runs = Object.entries(result.events).filter(([what]) => what.startsWith(EFFECT) && what.includes('/'));
  const isOwn = (effect: string): boolean => names.has(effect.slice(0, effect.indexOf('/')));
  return {
    seeds: result.seeds,
    violations: result.violations.map(({ faults: _faults, ...violation }) => violation),
    kills: Object.entries(result.faultPoints).reduce((sum, [point, n]) => sum + (isKill(point) ? n : 0), 0),
    faults: result.faultPoints,
    effects: Object.fromEntries(runs.map(([what, n]) => [what.slice(EFFECT.length), n])),
    unsimulated: result.unsimulated.filter(isOwn),
  };
}

function meshOf(config: SimulationOptions['config']) {
  if (config instanceof URL) return loadMesh(fileURLToPath(config));
  if (typeof config === 'string') return loadMesh(resolve(config));
  return checkMesh(config, join(process.cwd(), 'config'));
}

function isKill(point: string): boolean {
  return /^(?:kill|power|crash-(?:kill|power)@.*|deed-(?:kill|power))$/.test(point);
}
