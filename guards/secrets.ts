/**
 * Files that hold keys and passwords. Owns: telling them by their names and by what stands in them. Does not own: the forms of
 * keys (`secret-forms.ts`). What is found in a knowledge base goes into prompts, and those may go to a hosted model.
 *
 * A name decides for files of settings and state alone: `secrets.md` and `credentials.ts` write about secrets. What stands
 * in a file decides whatever its name is; a made-up token of a manual (EXAMPLE, xxxx) is none.
 */
import { extname } from 'node:path';
import { formsIn, SET_VALUE } from './secret-forms.ts';

const EXTENSIONS = new Set([
  '.pem',
  '.key',
  '.p12',
  '.pfx',
  '.jks',
  '.kdbx',
  '.keystore',
  '.ppk',
  '.ovpn',
  '.asc',
  '.gpg',
  '.secret',
  '.secrets',
  '.env',
  '.tfstate',
  '.tfvars',
  '.htpasswd',
  '.pgpass',
  '.netrc',
  '.jwk',
  '.p8',
  '.publishsettings',
  '.mobileprovision',
  '.kdb',
  // Seeds and credentials of NATS.
  '.nk',
  '.creds',
]);
/** Files that write about a thing instead of being one. */
const WRITTEN = new Set([
  '.md',
  '.mdx',
  '.rst',
  '.adoc',
  '.html',
  '.htm',
  '.ts',
  '.tsx',
  '.js',
  '.jsx',
  '.mjs',
  '.cjs',
  '.py',
  '.go',
  '.rs',
  '.java',
  '.kt',
  '.rb',
  '.php',
  '.cs',
  '.c',
  '.h',
  '.cpp',
  '.hpp',
  '.swift',
  '.scala',
  '.sql',
  '.sh',
  '.css',
  '.vue',
  '.svelte',
  '.proto',
  '.ipynb',
]);
const NAMES =
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?!.*\.pub$)|(?:^|[._-])(?:secrets?|credentials?|passwords?|passwd|htpasswd|api[_-]?keys?|private[_-]?keys?|service[_-]?account(?:[_-]?keys?)?|kubeconfig|recovery[_-]?codes?|(?:access|api|auth|bearer|bot|id|refresh|session)[_-]?tokens?|keyfile|keystore|vault[_-]?pass(?:word)?|jw(?:ks?|t)[_-]private|firebase-adminsdk)(?:[._-]|\d|$)|^token(?:[._-]?\d*)(?:\.|$)|(?:^|[._-])key\.json$|^(?:terraform\.tfstate|auth\.json|azureauth\.json|google-services\.json|googleservice-info\.plist|logins\.json|cookies\.txt|pass\.txt|ssh_host_\w+_key|local\.settings\.json|kube[._-]?config|_netrc|wallet\.dat|shadow|pgpass|netrc|client_secret.*\.json|.*-firebase-adminsdk-.*\.json|.*\.env\..*|env\.(?:local|prod\w*|dev\w*|staging))/i;

/** What editors and people put behind a name when they keep a copy. */
const COPY = /(?:\.(?:bak|backup|old|orig|save|copy|tmp|swp|\d{1,8})|~|[ _-]copy|[ ]?\(\d+\))+$/;

/** Whether a file's name says that it holds a secret. */
export function hasSecretName(fileName: string): boolean {
  // An unusual form of a letter is that letter to whoever reads the name.
  const name = fileName.normalize('NFKC').toLowerCase().replace(COPY, '');
  const extension = extname(name);
  if (/\.(?:example|sample|template|dist)$/.test(name)) return false;
  if (EXTENSIONS.has(extension) || name === 'wp-config.php' || /^id_(?:rsa|dsa|ecdsa|ed25519)(?!.*\.pub$)/.test(name))
    return true;
  return !WRITTEN.has(extension) && NAMES.test(name);
}

const MADE_UP = /example|sample|dummy|placeholder|your[_-]?|redacted|x{6,}|0{8,}|1234567|abcdef|\.{3}|\*{4}|(.)\1{7}/i;

/** What people write in place of a password in a manual or a test. */
const MADE_UP_VALUE = /passw|secret|change|test|local|admin|root|user|demo|fake|mock|insert|replace|here|token|value/i;

/** Whether a text holds a key or a token of a known form, or sets one as a file of settings does. */
export function holdsSecret(text: string): boolean {
  // Beside a made-up one there may be one that is not.
  const has = formsIn(text).some((pattern) => [...text.matchAll(pattern)].some(([found]) => !MADE_UP.test(found)));
  return has || [...text.matchAll(SET_VALUE)].some(([, value = '']) => isRandom(value));
}

/** Letters of both cases and digits, or long and hexadecimal: nobody's word. */
function isRandom(value: string): boolean {
  if (MADE_UP.test(value) || MADE_UP_VALUE.test(value)) return false;
  if (/^[0-9a-f-]{32,}$/i.test(value)) return true;
  return [/[a-z]/, /[A-Z]/, /\d.*\d/].every((kind) => kind.test(value)) && new Set(value).size >= 8;
}

/** Also `password = …`: too often about passwords to judge a file by, and cheap to leave out of a text. */
const CALLED =
  'pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie|bearer';
/** Of a field, as a whole. */
const SECRET_NAME = new RegExp(`(?:${CALLED})$`, 'i');
/** Up to the quote that ends it, also where the quotes are escaped: JSON in the text of JSON. */
const QUOTED = new RegExp(
  `((?:${CALLED})(?:\\\\*["'])?\\s*[=:]\\s*)((\\\\*)(["']))(?!\\2)[\\s\\S]{0,4000}?(?<!\\\\)\\2`,
  'gi',
);
const ASSIGNED = new RegExp(
  `((?:${CALLED})\\\\*["']?\\s*[=:]\\s*\\\\*["']?(?:bearer\\s+|basic\\s+)?)(?!\\[left out\\])((?:[^\\s"',;\\\\]|\\\\(?!["'])){6,})`,
  'gi',
);
const LEFT_OUT = '[left out]';
/** The whole of a private key, not only its beginning. */
const KEY_BLOCK = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g;

/** A text with every key and token of a known form, and every value that is called one, replaced. */
export function withoutSecrets(text: string): string {
  let clean = text.replace(KEY_BLOCK, LEFT_OUT);
  for (const pattern of formsIn(clean)) clean = clean.replace(pattern, LEFT_OUT);
  clean = clean.replace(QUOTED, `$1$2${LEFT_OUT}$2`).replace(ASSIGNED, `$1${LEFT_OUT}`);
  return clean.replace(/(:\/\/[^\s/:@]+:)[^\s/@]+(@)/g, `$1${LEFT_OUT}$2`);
}

/** The same for a value as JSON has it, whose fields have names of their own: every text below one that is called a secret goes. */
export function valueWithoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(valueWithoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) => [
    name,
    SECRET_NAME.test(name) ? textsLeftOut(inner) : valueWithoutSecrets(inner),
  ]);
  return Object.fromEntries(fields);
}

function textsLeftOut(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : LEFT_OUT;
  if (Array.isArray(value)) return value.map(textsLeftOut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, textsLeftOut(inner)]));
}
