/**
 * The `package.json` of the package, from that of the checkout. Owns: which fields go along, and that entry points are
 * JavaScript with declarations. Does not own: what is in the package (`build.ts`).
 *
 * `overrides` stay behind: npm takes those of the root of an installation alone. `mesh init` writes them into the mesh that
 * it makes.
 */

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Where an entry point of the checkout lies in the package. */
const built = (source: string): { readonly types: string; readonly default: string } => ({
  types: source.replace(/\.ts$/, '.d.ts'),
  default: source.replace(/\.ts$/, '.js'),
});

export function packageManifest(source: Manifest): object {
  const { name, version, description, license, type, engines, dependencies } = source;
  const entries = Object.entries(source.exports).map(([entry, file]) => [entry, built(file)]);
  return {
    ...{ name, version, description, license, type },
    bin: { mesh: 'cli/bin.js' },
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    ...{ engines, dependencies },
  };
}
