/**
 * What a mutation is. Owns: its form, and carrying it out on the text of a file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mutation {
  readonly name: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  readonly file: string;
  /** Must be there exactly once: a mutation that no longer applies is an error, not a success. */
  readonly find: string;
  readonly replace: string;
  /**
   * The file of the unit test that sees it, where chance brings several hosts and moments together too seldom for any number
   * of seeds that somebody would run.
   */
  readonly seenBy?: string;
}

/**
 * The file of a tree with the mutation in it.
 * @throws when the text to be changed is not there, or not only once
 */
export function mutated({ name, file, find, replace }: Mutation, root: string): string {
  const parts = readFileSync(join(root, file), 'utf8').split(find);
  if (parts.length !== 2) throw new Error(`${name} does not apply: its text is ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
}
