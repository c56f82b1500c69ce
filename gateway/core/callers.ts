/**
 * Who calls. Owns: the file of callers, checking a token against it, and what a role allows. Does not own: how a token
 * travels (each binding reads its own header).
 *
 * The file holds hashes, not tokens: tokens are long and random, so one round of SHA-256 is enough, and whoever reads
 * the file cannot call. All hashes are compared, each in constant time, so that the time of an answer says nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Caller } from '../../client/caller.ts';
import { MeshError } from '../../client/errors.ts';

/** Whoever calls over loopback when no callers are configured: the person at this machine. */
export const LOCAL_CALLER = 'local';
const localCaller: Caller = { name: LOCAL_CALLER, role: 'admin' };

const callersFile = z.strictObject({
  callers: z
    .array(
      z
        .strictObject({
          name: z.string().regex(/^[A-Za-z0-9][\w .@-]{0,99}$/, 'a name has letters, digits, . _ @ - and spaces'),
          role: z.enum(['user', 'observer', 'admin']).default('user'),
          tokenSha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the token, 64 hexadecimal digits in lower case')
            .optional(),
          /** Common name of a client certificate. */
          certificate: z.string().min(1).optional(),
        })
        .refine(
          (one) => one.tokenSha256 !== undefined || one.certificate !== undefined,
          'give tokenSha256 or certificate',
        ),
    )
    .min(1),
});

/** The callers file cannot be used; the message is one line. */
class CallersError extends Error {
  override readonly name = 'CallersError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

export interface Credentials {
  /** As sent: `Bearer <token>`. */
  readonly authorization?: string;
  /** Common name of a client certificate that the TLS layer has verified. */
  readonly certificate?: string;
}

export interface Callers {
  /** @throws MeshError unauthenticated */
  identify(credentials: Credentials): Caller;
}

/** Without a file of callers: everybody who reaches the port is the person at this machine. */
export const onlyLocal: Callers = { identify: () => localCaller };

/** Without a file of callers, but with client certificates: everybody is who the certificate says, and no more. */
export const byCertificate: Callers = {
  identify: ({ certificate }) => {
    if (certificate !== undefined) return { name: certificate, role: 'user' };
    throw new MeshError('unauthenticated', 'NO_CERTIFICATE', 'a client certificate with a common name is needed');
  },
};

/** @throws CallersError */
export function readCallers(path: string): Callers {
  return callersOf(parseCallers(path, readFile(path)));
}

function readFile(path: string): string {
  try {
    if ((statSync(path).mode & 0o022) !== 0) {
      throw new CallersError(
        `${path}: others may write to this file and make themselves callers; run chmod go-w on it`,
      );
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CallersError) throw error;
    throw new CallersError(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

type CallerEntry = z.output<typeof callersFile>['callers'][number];

function parseCallers(path: string, text: string): readonly CallerEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CallersError(`${path}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = callersFile.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CallersError(`${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
  }
  return parsed.data.callers;
}

function callersOf(entries: readonly CallerEntry[]): Callers {
  const tokens = entries.flatMap(({ tokenSha256, name, role }) =>
    tokenSha256 === undefined ? [] : [{ hash: Buffer.from(tokenSha256, 'hex'), caller: { name, role } }],
  );
  const certificates = new Map(
    entries.flatMap(({ certificate, name, role }) =>
      certificate === undefined ? [] : [[certificate, { name, role }] as const],
    ),
  );
  return {
    identify({ authorization, certificate }) {
      const known = certificate === undefined ? undefined : certificates.get(certificate);
      if (known !== undefined && authorization === undefined) return known;
      return byToken(tokens, authorization);
    },
  };
}

function byToken(tokens: readonly { hash: Buffer; caller: Caller }[], authorization: string | undefined): Caller {
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
  for (const known of tokens) if (timingSafeEqual(known.hash, hash)) found = known.caller;
  if (found === null) throw new MeshError('unauthenticated', 'WRONG_TOKEN', 'this token is not known here');
  return found;
}
