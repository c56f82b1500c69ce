/**
 * Arithmetic on dates: adding, days between, day of the week, the same moment in another zone. Owns the reading of
 * dates. Days are those of the calendar (proleptic Gregorian, as ISO 8601 has it) and know no zone; moments do.
 */
import { defineTool, type Tool, ToolError } from './port.ts';
import { momentOf, zoneOf, zoneOffsetMs } from './zones.ts';

const DAY_MS = 86_400_000;
const UNITS = ['days', 'weeks', 'months', 'years'] as const;
type Unit = (typeof UNITS)[number];
/** Beyond it no date has four digits. */
const AMOUNT_MAX = 1_000_000;
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');

interface DateArguments {
  action: 'add' | 'between' | 'weekday' | 'in_zone';
  date: string;
  amount?: number;
  unit?: Unit;
  to?: string;
  fromZone?: string;
  toZone?: string;
}

function bad(why: string): ToolError {
  return new ToolError('tool_bad_arguments', `This cannot be computed: ${why}.`);
}

/** Midnight UTC of a day: `2026-03-01`, `1 March 2026`, `March 1, 2026`, `today`, `tomorrow`, `yesterday`. */
function dayOf(text: string, todayMs: number): number {
  const found = dayIn(text, todayMs);
  if (found === null) throw bad(`${text.slice(0, 60)} is not a date such as 2026-03-01`);
  return found;
}

function dayIn(text: string, todayMs: number): number | null {
  const word = text.trim().toLowerCase();
  const near = { today: 0, now: 0, tomorrow: 1, yesterday: -1 }[word];
  if (near !== undefined) return todayMs + near * DAY_MS;
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(word);
  if (iso) return validDay(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const dayFirst = /^(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([a-z]{3})[a-z]*,? (\d{4})$/.exec(word);
  if (dayFirst) return validDay(Number(dayFirst[3]), MONTHS.indexOf(dayFirst[2] ?? '') + 1, Number(dayFirst[1]));
  const monthFirst = /^([a-z]{3})[a-z]* (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/.exec(word);
  if (monthFirst)
    return validDay(Number(monthFirst[3]), MONTHS.indexOf(monthFirst[1] ?? '') + 1, Number(monthFirst[2]));
  return null;
}

function validDay(year: number, month: number, day: number): number | null {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  return at.getUTCMonth() === month - 1 && at.getUTCDate() === day ? at.getTime() : null;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function weekday(ms: number): string {
  return new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: 'UTC' }).format(ms);
}

/** The last day of the month where the month is too short: 31 January and a month is 28 February. */
function plus(ms: number, amount: number, unit: Unit): number {
  if (unit === 'days' || unit === 'weeks') return ms + amount * DAY_MS * (unit === 'weeks' ? 7 : 1);
  const from = new Date(ms);
  const months = from.getUTCFullYear() * 12 + from.getUTCMonth() + amount * (unit === 'years' ? 12 : 1);
  const year = Math.floor(months / 12);
  const month = months - year * 12;
  const last = new Date(Date.UTC(2000, 0, 1));
  last.setUTCFullYear(year, month + 1, 0);
  const at = new Date(0);
  at.setUTCFullYear(year, month, Math.min(from.getUTCDate(), last.getUTCDate()));
  return at.getTime();
}

/** Week of ISO 8601: the one with the year's first Thursday is the first. */
function isoWeek(ms: number): string {
  const thursday = ms + (3 - ((new Date(ms).getUTCDay() + 6) % 7)) * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1)) / DAY_MS / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

function between(fromMs: number, toMs: number): string {
  const days = Math.round((toMs - fromMs) / DAY_MS);
  const many = Math.abs(days);
  const weeks =
    many >= 14 ? ` (${Math.floor(many / 7)} weeks${many % 7 === 0 ? '' : ` and ${plural(many % 7, 'day')}`})` : '';
  const order = days < 0 ? ', the second date being the earlier one' : '';
  return `${plural(many, 'day')} from ${iso(fromMs)} to ${iso(toMs)}${weeks}${order}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function zone(place: string | undefined, what: string): string {
  const found = place == null ? null : zoneOf(place);
  if (found === null) throw bad(`${place ?? what} is not a time zone or a city; use a name such as Europe/Berlin`);
  return found;
}

/** `date` is a time (15:00, of today) or date and time (2026-03-01 15:00) as the clocks of `fromZone` show it. */
function inZone({ date, fromZone, toZone }: DateArguments, nowMs: number): string {
  const from = zone(fromZone, 'the zone to convert from');
  const to = zone(toZone, 'the zone to convert to');
  const found = /^(?:(\d{4}-\d{1,2}-\d{1,2})[T ])?(\d{1,2})(?::(\d{2}))?(?::(\d{2}))? ?(am|pm)?$/i.exec(date.trim());
  if (!found) throw bad(`${date.slice(0, 60)} is not a time such as 15:00 or 2026-03-01 15:00`);
  const [, day, hourText, minutes = '0', seconds = '0', half] = found;
  const hour = half === undefined ? Number(hourText) : (Number(hourText) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 59) throw bad(`${date} is not a time`);
  const dayMs = day === undefined ? localDay(nowMs, from) : dayOf(day, 0);
  const moment = momentOf(dayMs + ((hour * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000, from);
  return `${shownIn(moment, from)} is ${shownIn(moment, to)}`;
}

function localDay(nowMs: number, timeZone: string): number {
  return Math.floor((nowMs + zoneOffsetMs(timeZone, nowMs)) / DAY_MS) * DAY_MS;
}

function shownIn(moment: number, timeZone: string): string {
  const local = new Date(moment + zoneOffsetMs(timeZone, moment)).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 16)} in ${timeZone}`;
}

function compute(args: DateArguments, nowMs: number): string {
  const todayMs = localDay(nowMs, new Intl.DateTimeFormat().resolvedOptions().timeZone);
  switch (args.action) {
    case 'add': {
      if (args.amount == null || args.unit == null) throw bad('amount and unit are missing');
      const from = dayOf(args.date, todayMs);
      const to = plus(from, args.amount, args.unit);
      if (!(Math.abs(new Date(to).getUTCFullYear()) <= 9999)) throw bad('the date would have more than four digits');
      return `${iso(to)}, a ${weekday(to)} (${iso(from)} ${args.amount < 0 ? '-' : '+'} ${Math.abs(args.amount)} ${args.unit})`;
    }
    case 'between':
      if (args.to == null) throw bad('the second date (to) is missing');
      return between(dayOf(args.date, todayMs), dayOf(args.to, todayMs));
    case 'weekday': {
      const day = dayOf(args.date, todayMs);
      return `${iso(day)} is a ${weekday(day)}, in week ${isoWeek(day)}`;
    }
    case 'in_zone':
      return inZone(args, nowMs);
    default:
      throw new Error(`unknown action ${JSON.stringify(args.action satisfies never)}`);
  }
}

const DATE = String.raw`(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}(?:st|nd|rd|th)? (?:of )?[a-z]{3,9},? \d{4}|[a-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4}|today|tomorrow|yesterday|now)`;
const LATER = new RegExp(
  String.raw`^(?:what(?:'s| is)?(?: the)?(?: date| day)?(?: is| will it be)? |which (?:date|day) is )?(\d{1,6}) (day|week|month|year)s? (from|after|before|ago)(?: ${DATE})?\s*\??$`,
  'i',
);
const HOW_LONG = new RegExp(
  String.raw`^how many days (?:are (?:there )?)?(?:between|from) ${DATE} (?:and|to|until) ${DATE}\s*\??$`,
  'i',
);
const UNTIL = new RegExp(String.raw`^how many days (?:are (?:there )?|is it )?(?:until|till|to) ${DATE}\s*\??$`, 'i');
const WEEKDAY = new RegExp(
  String.raw`^(?:what|which) (?:day(?: of the week)?|weekday) (?:is|was|will be) ${DATE}\s*\??$`,
  'i',
);
const ZONES =
  /^(?:convert |what is |what's )?((?:\d{4}-\d{1,2}-\d{1,2} )?\d{1,2}(?::\d{2})?(?: ?[ap]m)?) (?:in |from )?([a-z][\w/ ]*?)(?: time)? (?:to|in|into) ([a-z][\w/ ]*?)(?: time)?\s*\??$/i;

function callIn(prompt: string): (DateArguments & Record<string, unknown>) | null {
  const text = prompt.trim();
  if (text.length > 120) return null;
  const later = LATER.exec(text);
  if (later) {
    const back = /before|ago/i.test(later[3] ?? '');
    const unit = UNITS.find((one) => one.startsWith((later[2] ?? '').toLowerCase()));
    const date = later[4] ?? 'today';
    return { action: 'add', date, amount: Number(later[1]) * (back ? -1 : 1), ...(unit ? { unit } : {}) };
  }
  const long = HOW_LONG.exec(text);
  if (long) return { action: 'between', date: long[1] ?? '', to: long[2] ?? '' };
  const until = UNTIL.exec(text);
  if (until) return { action: 'between', date: 'today', to: until[1] ?? '' };
  const day = WEEKDAY.exec(text);
  if (day) return { action: 'weekday', date: day[1] ?? '' };
  const zones = ZONES.exec(text);
  if (!zones?.[2] || !zones[3] || zoneOf(zones[2]) === null || zoneOf(zones[3]) === null) return null;
  return { action: 'in_zone', date: zones[1] ?? '', fromZone: zones[2], toZone: zones[3] };
}

export function dateTool(now: () => Date): Tool {
  const text = { type: 'string', maxLength: 60, nullable: true } as const;
  return defineTool<DateArguments>({
    name: 'date',
    description:
      'Arithmetic on dates: add (date, amount, unit), between (date, to: days), weekday (date), in_zone (a time from fromZone to toZone).',
    inputSchema: {
      type: 'object',
      properties: {
        action: { type: 'string', enum: ['add', 'between', 'weekday', 'in_zone'] },
        date: { type: 'string', minLength: 1, maxLength: 60 },
        amount: { type: 'integer', minimum: -AMOUNT_MAX, maximum: AMOUNT_MAX, nullable: true },
        unit: { type: 'string', enum: UNITS, nullable: true },
        ...{ to: text, fromZone: text, toZone: text },
      },
      required: ['action', 'date'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const call = callIn(prompt);
      return call === null ? null : { arguments: call, score: 0.95 };
    },
    run: (args) => compute(args, now().getTime()),
  });
}
