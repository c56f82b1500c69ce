/**
 * Conversion of units (by mathjs) and of number bases (by BigInt, exact at any length).
 * Owns the names people use for units and bases. Currencies are not units: their rates change.
 */
import { math } from './math.ts';
import { defineTool, type Tool, ToolError } from './port.ts';

const BASES: Readonly<Record<string, number>> = {
  binary: 2,
  bin: 2,
  octal: 8,
  oct: 8,
  decimal: 10,
  dec: 10,
  hexadecimal: 16,
  hex: 16,
};
const PREFIXES: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 10: '', 16: '0x' };

/** Names that mathjs does not know, or knows as something else. */
const UNITS: Readonly<Record<string, string>> = {
  c: 'degC',
  '°c': 'degC',
  celsius: 'degC',
  'degrees celsius': 'degC',
  f: 'degF',
  '°f': 'degF',
  fahrenheit: 'degF',
  'degrees fahrenheit': 'degF',
  k: 'K',
  kelvin: 'K',
  mph: 'mile/hour',
  'miles per hour': 'mile/hour',
  kmh: 'km/hour',
  'km/h': 'km/hour',
  kph: 'km/hour',
  'kilometers per hour': 'km/hour',
  'kilometres per hour': 'km/hour',
  metre: 'meter',
  metres: 'meter',
  kilometre: 'km',
  kilometres: 'km',
  kilometers: 'km',
  centimetre: 'cm',
  centimetres: 'cm',
  millimetres: 'mm',
  litre: 'liter',
  litres: 'liter',
  kilos: 'kg',
  kilo: 'kg',
  pound: 'lb',
  pounds: 'lb',
  ounces: 'oz',
  ounce: 'oz',
  tonne: 'tonne',
  tonnes: 'tonne',
  megabytes: 'MB',
  gigabytes: 'GB',
  kilobytes: 'kB',
};

interface ConvertArguments {
  value: string;
  from?: string;
  to: string;
}

function baseOf(name: string | undefined): number | undefined {
  const key =
    name
      ?.trim()
      .toLowerCase()
      .replace(/^base[- ]?/, '') ?? '';
  if (Object.hasOwn(BASES, key)) return BASES[key];
  const radix = /^base[- ]?(\d{1,2})$/i.exec(name?.trim() ?? '')?.[1];
  const number = Number(radix);
  return number >= 2 && number <= 36 ? number : undefined;
}

function unitOf(name: string): string {
  const key = name.trim().toLowerCase();
  return (Object.hasOwn(UNITS, key) ? UNITS[key] : undefined) ?? name.trim();
}

function convert({ value, from, to }: ConvertArguments): string {
  const base = baseOf(to);
  return base === undefined ? convertUnit(value, from, to) : convertBase(value, baseOf(from), base);
}

function convertBase(value: string, from: number | undefined, to: number): string {
  const text = value.trim().toLowerCase().replaceAll('_', '');
  const marked = /^(-?)0([xob])([0-9a-f]+)$/.exec(text);
  const radix = marked === null ? (from ?? 10) : { x: 16, o: 8, b: 2 }[marked[2] ?? 'x'];
  const digits = marked === null ? text.replace(/^[-+]/, '') : (marked[3] ?? '');
  if (radix === undefined || digits === '') throw bad(`${value} is not a whole number`);
  let number = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (Number.isNaN(worth) || worth >= radix) throw bad(`${value} is not a whole number in base ${radix}`);
    number = number * BigInt(radix) + BigInt(worth);
  }
  return `${text.startsWith('-') ? '-' : ''}${PREFIXES[to] ?? ''}${number.toString(to)}`;
}

function convertUnit(value: string, from: string | undefined, to: string): string {
  if (from === undefined) throw bad('the unit to convert from is missing');
  const amount = Number(value.replaceAll(/[_,](?=\d{3})/g, ''));
  if (!Number.isFinite(amount)) throw bad(`${value} is not a number`);
  try {
    const result = math().unit(amount, unitOf(from)).to(unitOf(to)).toNumber(unitOf(to));
    if (!Number.isFinite(result)) throw new RangeError('the result is larger than a number may be');
    const shown = math().format(result, { precision: 6 });
    return `${math().format(amount)} ${from} = ${shown} ${to}`;
  } catch (cause) {
    throw bad(cause instanceof Error ? cause.message : 'these units do not go together', cause);
  }
}

function bad(why: string, cause?: unknown): ToolError {
  return new ToolError('tool_bad_arguments', `The conversion cannot be made: ${why}.`, { cause });
}

const UNIT_WORDS = '(?:degrees? )?[a-zµ°][a-zµ°/^0-9 ]{0,30}?';
const UNIT_PROMPT = new RegExp(
  String.raw`^(?:(?:please )?convert|what(?:'s| is)|how (?:much|many) (?:is|are))?\s*(-?[\d][\d.,_]*)\s*(${UNIT_WORDS})\s+(?:to|in|into|as)\s+(${UNIT_WORDS})\s*\??$`,
  'i',
);
const HOW_MANY_PROMPT = new RegExp(
  String.raw`^how many (${UNIT_WORDS}) (?:are|is|are there|is there)?\s*in\s+(-?[\d][\d.,_]*|an?)\s*(${UNIT_WORDS})\s*\??$`,
  'i',
);
const BASE_PROMPT =
  /^(?:(?:please )?convert|what(?:'s| is))?\s*(?:the )?(?:(binary|octal|decimal|hex(?:adecimal)?)\s+)?(?:number\s+)?(-?(?:0[xob])?[0-9a-f_]+)\s*(?:from\s+(binary|octal|decimal|hex(?:adecimal)?|base \d+)\s+)?(?:to|in|into|as)\s+(binary|octal|decimal|hex(?:adecimal)?|base \d+)\s*\??$/i;

function callIn(prompt: string): ConvertArguments | null {
  const text = prompt.trim();
  if (text.length > 120) return null;
  const base = BASE_PROMPT.exec(text);
  if (base !== null) {
    const from = base[1] ?? base[3];
    return { value: base[2] ?? '', ...(from === undefined ? {} : { from }), to: base[4] ?? '' };
  }
  const many = HOW_MANY_PROMPT.exec(text);
  if (many !== null) return { value: (many[2] ?? '1').replace(/^an?$/i, '1'), from: many[3] ?? '', to: many[1] ?? '' };
  const units = UNIT_PROMPT.exec(text);
  return units === null ? null : { value: units[1] ?? '', from: units[2] ?? '', to: units[3] ?? '' };
}

function works(args: ConvertArguments): boolean {
  try {
    convert(args);
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

export function convertTool(): Tool {
  return defineTool<ConvertArguments>({
    name: 'convert',
    description: 'Converts units (5 km to miles, 20 C to F) and number bases (255 to hex, 0b101 to decimal).',
    inputSchema: {
      type: 'object',
      properties: {
        value: { type: 'string', minLength: 1, maxLength: 300 },
        from: { type: 'string', nullable: true, maxLength: 60 },
        to: { type: 'string', minLength: 1, maxLength: 60 },
      },
      required: ['value', 'to'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const call = callIn(prompt);
      if (call === null || !works(call)) return null;
      return { arguments: { ...call }, score: 0.95 };
    },
    run: (args) => convert(args),
  });
}
