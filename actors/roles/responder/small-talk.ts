/**
 * Short honest replies to prompts that are only small talk.
 * Owns the patterns; a prompt that carries a question besides the greeting is none of its business.
 */
import type { Lack } from '../../../prompting/without-model.ts';

/** Where the reply says what it can do without a model. */
const NO_MODEL = '{no model}';
const NONE_SET_UP = 'No language model is set up, so I can only quote the knowledge base.';
const NONE_ANSWERED = 'No language model answered, so for now I can only quote the knowledge base.';

const REPLIES: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:hi|hello|hey|hiya|howdy|good (?:morning|afternoon|evening)|greetings|hallo|moin|servus|hola|bonjour|salut|ciao|ol[aá]|cześć|hej|привет|你好|こんにちは)(?: (?:there|mesh|agent|all|everyone|again|friend))?$/u,
    `Hello. ${NO_MODEL} Ask me about something you have indexed.`,
  ],
  [
    /^(?:thanks|thank you|thx|cheers|danke|merci|gracias|grazie|dzięki)(?: (?:a lot|so much|very much|again|everyone))?$/u,
    'You are welcome.',
  ],
  [/^(?:bye|goodbye|good ?bye|see you(?: later| soon)?|good night|tschüss|au revoir|adiós|ciao ciao)$/u, 'Goodbye.'],
  [/^how are you(?: doing)?(?: today)?$/, `All parts of the mesh that answer you are running. ${NO_MODEL}`],
  [
    /^(?:who|what) are you$|^what is your name$|^what can you do(?: for me)?$|^(?:help|help me)$/,
    `I am Agent Mesh, a mesh of cooperating agents on this machine. ${NO_MODEL} I can search and quote what you index, offer code from it and check it, and use tools such as the calculator.`,
  ],
  [/^(?:ping|test|testing|are you there|you there)$/, `Yes, the mesh is here. ${NO_MODEL}`],
  [/^(?:tell me a joke|say something(?: funny)?|sing a song)$/, `That needs a language model. ${NO_MODEL}`],
];

/** A reply, or null when the prompt is not small talk. */
export function smallTalk(prompt: string, { reason }: Pick<Lack, 'reason'>): string | null {
  const said = prompt
    .trim()
    .toLowerCase()
    .replace(/[!?.,…\p{Extended_Pictographic}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const reply = REPLIES.find(([pattern]) => pattern.test(said))?.[1];
  return reply?.replace(NO_MODEL, reason === 'no_model' ? NONE_SET_UP : NONE_ANSWERED) ?? null;
}
