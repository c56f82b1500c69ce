/**
 * The time and the date in a time zone. Owns the reading of places in prompts; zones are in zones.ts. Reading the clock
 * changes nothing, so a repeated call is harmless and the first result is kept.
 */
import { defineTool, type Tool, ToolError } from './port.ts';
import { isZone, zoneOf } from './zones.ts';

const ASKS_TIME =
  /\b(?:what(?:'s| is)?(?: the)?(?: current| local)? (?:time|date)|what time is it|what day is (?:it|today)|what(?:'s| is) today|(?:current|local) (?:time|date|day)|time (?:now )?in|date (?:now )?in|today's date|tell me the (?:time|date))\b/i;

/** The zone of a place named in a prompt; null for an unknown place, undefined when no place is named. */
function zoneIn(prompt: string): string | null | undefined {
  const exact = /\b([A-Z][A-Za-z]+\/[A-Z][A-Za-z_/]+)\b/.exec(prompt)?.[1];
  if (exact !== undefined && isZone(exact)) return exact;
  const place = /\b(?:in|for|at)\s+(?:the\s+)?([\p{L}.' ]+?)\s*(?:right now|now|today|please)?[?.!]*\s*$/iu.exec(
    prompt,
  )?.[1];
  if (place === undefined) return /\b(?:utc|gmt)\b/i.test(prompt) ? 'UTC' : undefined;
  return zoneOf(place);
}

function inWords(now: Date, timeZone: string): string {
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone }).format(now);
  const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone }).format(now);
  const offset = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(now)
    .find((part) => part.type === 'timeZoneName')?.value;
  return `${day}, ${time} (${timeZone}, ${(offset ?? 'GMT').replace('GMT', 'UTC')})`;
}

/** `now` is the clock; without a zone the machine's own is used. */
export function clockTool(now: () => Date): Tool {
  return defineTool<{ timeZone?: string }>({
    name: 'clock',
    description: 'Tells the date and the time, in a time zone such as Europe/Berlin or in the one of this machine.',
    inputSchema: {
      type: 'object',
      properties: { timeZone: { type: 'string', nullable: true, minLength: 1, maxLength: 60 } },
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      if (prompt.length > 200 || !ASKS_TIME.test(prompt)) return null;
      const zone = zoneIn(prompt);
      // "What time is it in the novel" names a place this tool does not know.
      if (zone === null) return null;
      return { arguments: zone === undefined ? {} : { timeZone: zone }, score: 0.9 };
    },
    run({ timeZone }) {
      const zone = timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (!isZone(zone)) {
        const message = `${zone} is not a time zone. Use a name such as Europe/Berlin.`;
        throw new ToolError('tool_bad_arguments', message);
      }
      return inWords(now(), zone);
    },
  });
}
