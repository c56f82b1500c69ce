/**
 * The file of callers. Owns: its form, checking a token against it, and ending the calls of who is no caller any more.
 * Does not own: reading it (`guards/rules-file.ts`), or what a caller may (`task-client/caller.ts`).
 *
 * 1. The file holds hashes, not tokens: tokens are long and random, so one round of SHA-256 is enough, and whoever reads
 *    the file cannot call. All hashes are compared, each in constant time, so that the time of an answer says nothing.
 * 2. A call that comes after the file has changed is judged by the new one. Calls under way whose caller is another by
 *    then are ended within `LOOK_MS`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { messageOf, openRules, type RulesFile } from '../../guards/rules-file.ts';
import { readWrittenJson } from '../../schemas/written-json.ts';
import type { Caller } from '../../task-client/caller.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { ClientLog } from '../../task-client/ports.ts';
import { type Callers, type Credentials, LOCAL_CALLER } from './callers.ts';

/** Names under which the mesh itself and its command line ask. */
const RESERVED = new RegExp(`^(?:${LOCAL_CALLER}|mesh(?: .*)?)$`, 'i');

const callersForm = z
  .strictObject({
    callers: z.array(
      z
        .strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z0-9][\w .@-]{0,99}$/, 'a name has letters, digits, . _ @ - and spaces')
            .refine(
              (name) => !RESERVED.test(name),
              'this name is the mesh\'s own; choose another than local or "mesh …"',
            ),
          role: z.enum(['user', 'observer', 'admin']).default('user'),
          tokenSha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the token, 64 hexadecimal digits in lower case')
            .optional(),
          /** Common name of a client certificate. */
          certificate: z.string().min(1).max(200).optional(),
        })
        .refine(
          (one) => one.tokenSha256 !== undefined || one.certificate !== undefined,
          'give tokenSha256 or certificate',
        ),
    ),
  })
  .superRefine(({ callers }, context) => {
    for (const problem of contradictions(callers))
      context.addIssue({ code: 'custom', path: ['callers'], message: problem });
  });

interface CallerEntry extends Caller {
  readonly tokenSha256?: string | undefined;
  readonly certificate?: string | undefined;
}

/** The same name, token or certificate may stand twice only if it means the same. */
function contradictions(entries: readonly CallerEntry[]): string[] {
  const roles = new Map<string, string>();
  const owners = new Map<string, string>();
  return entries.flatMap(({ name, role, tokenSha256, certificate }) => {
    const problems = (roles.get(name) ?? role) === role ? [] : [`${name} has two roles`];
    roles.set(name, role);
    for (const shown of [tokenSha256, certificate]) {
      if (shown === undefined) continue;
      if ((owners.get(shown) ?? name) !== name)
        problems.push(`${owners.get(shown)} and ${name} have the same token or certificate`);
      owners.set(shown, name);
    }
    return problems;
  });
}

/** The callers file cannot be used; the message is one line. */
class CallersError extends Error {
  override readonly name = 'CallersError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

/** Calls under way are looked at as often, when the file has changed. */
const LOOK_MS = 500;

interface UnderWay {
  readonly credentials: Credentials;
  readonly caller: Caller;
  readonly onRevoked: (error: MeshError) => void;
}

export interface FileCallers extends Callers {
  close(): void;
}

/** @throws CallersError */
export function readCallers(path: string, log: Pick<ClientLog, 'info' | 'error'>): FileCallers {
  const underWay = new Set<UnderWay>();
  const onChange = (known: readonly CallerEntry[]): void => {
    log.info({ callers: known.length }, 'the callers file has changed and counts from now on');
    for (const call of [...underWay]) {
      const error = revoked(known, call);
      if (error === null) continue;
      underWay.delete(call);
      call.onRevoked(error);
    }
  };
  const file = opened(path, onChange, (problem) =>
    log.error({ problem: `${path}: ${problem}` }, 'the callers file cannot be used; who could call still can'),
  );
  if (file.current().length === 0) throw new CallersError(`${path}: callers: names nobody; add a caller`);
  const looking = setInterval(() => file.current(), LOOK_MS).unref();
  return {
    identify: (credentials) => identified(file.current(), credentials),
    whenRevoked(credentials, caller, onRevoked) {
      const call: UnderWay = { credentials, caller, onRevoked };
      underWay.add(call);
      return () => underWay.delete(call);
    },
    isKnown: ({ name, role }) => file.current().some((one) => one.name === name && one.role === role),
    close: () => clearInterval(looking),
  };
}

/** @throws CallersError */
function opened(
  path: string,
  onChange: (known: readonly CallerEntry[]) => void,
  onRefused: (problem: string) => void,
): RulesFile<readonly CallerEntry[]> {
  try {
    return openRules({ path, danger: 'make themselves callers', parse: parseCallers, onChange, onRefused });
  } catch (error) {
    throw new CallersError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parseCallers(text: string): readonly CallerEntry[] {
  const parsed = callersForm.safeParse(readWrittenJson(text));
  if (parsed.success) return parsed.data.callers;
  const [issue] = parsed.error.issues;
  throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
}

/** A token that is sent decides. */
function identified(entries: readonly CallerEntry[], { authorization, certificate }: Credentials): Caller {
  const named = certificate === undefined ? undefined : entries.find((one) => one.certificate === certificate);
  const { name, role } = named !== undefined && authorization === undefined ? named : byToken(entries, authorization);
  return { name, role };
}

function byToken(entries: readonly CallerEntry[], authorization: string | undefined): Caller {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new MeshError(
      'unauthenticated',
      'NO_TOKEN',
      'a token is needed: send the metadata "authorization: Bearer <token>"',
    );
  }
  const hash = createHash('sha256').update(token).digest();
  let found: Caller | null = null;
  for (const entry of entries) {
    const { tokenSha256 } = entry;
    if (tokenSha256 !== undefined && timingSafeEqual(Buffer.from(tokenSha256, 'hex'), hash)) found = entry;
  }
  if (found === null) throw new MeshError('unauthenticated', 'WRONG_TOKEN', 'this token is not known here');
  return found;
}

/** Why a call may not go on; null when it may. */
function revoked(entries: readonly CallerEntry[], { credentials, caller }: UnderWay): MeshError | null {
  try {
    const { name, role } = identified(entries, credentials);
    if (name === caller.name && role === caller.role) return null;
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
  }
  return new MeshError('unauthenticated', 'REVOKED', 'this caller is not what it was any more; call again');
}
