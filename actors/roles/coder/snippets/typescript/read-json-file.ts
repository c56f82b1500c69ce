import { readFile } from 'node:fs/promises';

/**
 * Reads a JSON file and returns what `parse` makes of it. `parse` gets the raw value and throws when it is not what is
 * expected, so nothing unchecked goes further.
 */
export async function readJsonFile<T>(path: string, parse: (value: unknown) => T): Promise<T> {
  const text = await readFile(path, 'utf8');
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${path} does not hold the JSON that is expected.`, { cause: error });
  }
}
