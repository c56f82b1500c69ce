/**
 * Where model files lie. Owns: the folder under MESH_HOME, and what a setting that names a model means. Does not own: the
 * files' contents.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

/** Folder of fetched models. */
export function modelsFolder(home: string): string {
  return join(home, 'models');
}

/**
 * The file that a setting names: an absolute path, a path from the project's root, or a file in the models folder, with
 * or without `.gguf`. Where none exists, the path that was most likely meant.
 */
export function modelPath(named: string, places: { readonly root: string; readonly home: string }): string {
  if (isAbsolute(named)) return named;
  const fromRoot = resolve(places.root, named);
  const folder = modelsFolder(places.home);
  const candidates = [fromRoot, join(folder, named), join(folder, `${named}.gguf`)];
  const likely = named.includes('/') ? fromRoot : join(folder, named);
  return candidates.find((path) => existsSync(path)) ?? likely;
}
