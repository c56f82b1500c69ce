/**
 * Tool calls as models write them in their text, where the server did not take them apart: by the templates that families of
 * models were trained with. Owns: those forms. Does not own: calls that are JSON alone (`json-reply.ts`), or which tool is
 * meant (`tool-choice.ts`).
 *
 * A form has a mark of its own, or is the whole reply: a sentence that speaks of a call is none.
 */
import { jsonrepair } from 'jsonrepair';
import { parsed } from './json-reply.ts';

/** As written: the arguments as an object, as its JSON, or as texts by name, whose types are the tool's to know. */
export interface WrittenCall {
  readonly name: string;
  readonly arguments: string | Readonly<Record<string, unknown>>;
  /** The arguments are texts, as XML has them. */
  readonly isText?: true;
}

/** A name, and JSON right behind it. */
const BEFORE_JSON: readonly RegExp[] = [
  // Llama 3, and Mistral's two.
  /<function=([\w.:-]+)>\s*(?=\{)/g,
  /\[TOOL_CALLS\]\s*([\w.:-]+)\s*(?:\[ARGS\]\s*)?(?=\{)/g,
  // DeepSeek: R1 says `function` first and fences the JSON.
  /<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([\w.:-]+)\s*(?:<｜tool▁sep｜>)?\s*(?:```json\s*)?(?=\{)/g,
  // Kimi.
  /<\|tool_call_begin\|>\s*([\w.:-]+)\s*<\|tool_call_argument_begin\|>\s*(?=\{)/g,
  // gpt-oss.
  /<\|channel\|>commentary\s+to=([\w.:-]+)[^{<]*(?:<\|constrain\|>\s*json\s*)?<\|message\|>\s*(?=\{)/g,
  // ReAct, which many were tuned with.
  /^Action:[ \t]*([\w.:-]+)[ \t]*\r?\nAction Input:\s*(?=\{)/gim,
];
/** Qwen3-Coder; MiniMax and others; GLM. The value runs to its end mark. */
const XML_CALLS: readonly { readonly call: RegExp; readonly argument: RegExp }[] = [
  {
    call: /<function=([\w.:-]+)>([\s\S]*?)<\/function>/g,
    argument: /<parameter=([\w.-]+)>\r?\n?([\s\S]*?)\r?\n?<\/parameter>/g,
  },
  {
    call: /<invoke name="([\w.:-]+)">([\s\S]*?)<\/invoke>/g,
    argument: /<parameter name="([\w.-]+)"[^>]*>([\s\S]*?)<\/parameter>/g,
  },
  {
    call: /<tool_call>\s*([\w.:-]+)\s*((?:<arg_key>[\s\S]*?)?)<\/tool_call>/g,
    argument: /<arg_key>\s*([\w.-]+)\s*<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/g,
  },
];
/** Around a call as in Python: Llama 3.2, LFM2, Gemma. */
const PYTHON_FRAME =
  /^\s*(?:<\|python_(?:start|tag)\|>|<\|tool_call_start\|>|```(?:tool_code|python|tool_call)?\s)?\s*\[?\s*(?:print\()?([A-Za-z_][\w.]*)\(([\s\S]*?)\)\s*\)?\s*\]?\s*(?:<\|python_end\|>|<\|tool_call_end\|>|```)?\s*$/;
const FORMS_CHARS_MAX = 50_000;
const CALLS_MAX = 20;

export function writtenCalls(text: string): WrittenCall[] {
  if (text.length > FORMS_CHARS_MAX) return [];
  return [...beforeJson(text), ...xmlCalls(text), ...pythonCall(text)].slice(0, CALLS_MAX);
}

function beforeJson(text: string): WrittenCall[] {
  return BEFORE_JSON.flatMap((form) =>
    [...text.matchAll(form)].map((match): WrittenCall => {
      const from = match.index + match[0].length;
      return { name: match[1] ?? '', arguments: text.slice(from, endOfJson(text, from)) };
    }),
  );
}

/** Before the next mark of a template; what stands behind the object is left to whoever reads it. */
function endOfJson(text: string, from: number): number {
  const mark = text.slice(from).search(/<\/function>|<[|｜]|\[TOOL_CALLS\]|```/);
  return mark === -1 ? text.lastIndexOf('}') + 1 : from + mark;
}

function xmlCalls(text: string): WrittenCall[] {
  return XML_CALLS.flatMap(({ call, argument }) =>
    [...text.matchAll(call)].flatMap(([, name = '', body = '']): WrittenCall[] => {
      const given = [...body.matchAll(argument)].map(([, key = '', value = '']) => [key, value] as const);
      // What has JSON or words in it instead is another form.
      if (given.length === 0 && body.trim() !== '') return [];
      return [{ name, arguments: Object.fromEntries(given), isText: true }];
    }),
  );
}

function pythonCall(text: string): WrittenCall[] {
  const [, name = '', inside = ''] = PYTHON_FRAME.exec(text) ?? [];
  if (name === '') return [];
  const given: Record<string, unknown> = {};
  for (const piece of topLevelPieces(inside)) {
    const [, key, value = ''] = /^\s*([A-Za-z_]\w*)\s*=\s*([\s\S]+?)\s*$/.exec(piece) ?? [];
    const read = literal(value);
    if (key === undefined || read === undefined) return [];
    given[key] = read;
  }
  return [{ name, arguments: given }];
}

/** At commas that are in no quotes and no brackets. */
function topLevelPieces(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  let depth = 0;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quote !== '') {
      if (character === '\\') at += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if ('[{('.includes(character)) depth += 1;
    else if (']})'.includes(character)) depth -= 1;
    else if (character === ',' && depth === 0) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  const last = text.slice(from);
  return last.trim() === '' ? pieces : [...pieces, last];
}

/** A literal of Python; undefined for an expression. */
function literal(source: string): unknown {
  if (!/^(?:["'[{]|-?\d|(?:True|False|None|true|false|null)$)/.test(source)) return undefined;
  try {
    return parsed(jsonrepair(source));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
