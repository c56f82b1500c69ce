/**
 * Ids as people type them. Owns: whole ids and unique beginnings of at least six characters. Does not own: where the
 * known ids come from.
 */
import { readCorrelationId } from '../schemas/events/subjects.ts';
import { CliError } from './errors.ts';

/** Shorter beginnings would often fit several tasks. */
const ID_PREFIX_MIN = 6;

/** The id in lower case when it is whole, null when it is a beginning to look up. @throws CliError when it is neither */
export function wholeId(text: string): string | null {
  const whole = readCorrelationId(text.trim());
  if (whole !== null) return whole;
  const id = text.trim().toLowerCase();
  if (!/^[0-9a-f-]{1,36}$/.test(id))
    throw new CliError(2, `not a task id: ${JSON.stringify(text.slice(0, 60))}; \`mesh tasks\` lists them`);
  if (id.length < ID_PREFIX_MIN) {
    throw new CliError(2, `the beginning of an id needs at least ${ID_PREFIX_MIN} characters: ${id}`);
  }
  return null;
}

/** The one known id that begins so. @throws CliError when none or several do */
export function matchId(prefix: string, known: Iterable<string>): string {
  const wanted = prefix.trim().toLowerCase();
  const matches = [...new Set(known)].filter((id) => id.startsWith(wanted)).sort();
  const [first, second] = matches;
  if (first === undefined) throw new CliError(2, `no task begins with ${wanted}; \`mesh tasks\` lists them`);
  if (second !== undefined) {
    throw new CliError(
      2,
      `${matches.length} tasks begin with ${wanted} (${matches.slice(0, 3).join(', ')}…); give more of the id`,
    );
  }
  return first;
}
