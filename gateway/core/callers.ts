/**
 * Who calls. Owns: what a caller shows, and callers where there is no file of them. Does not own: the file
 * (`callers-file.ts`), what a role allows (`task-client/caller.ts`), or how a token travels (each binding reads its own
 * header).
 *
 * Names are one space, and nobody can take another's: those of the mesh itself (`local`, `mesh run`, …) are in no file,
 * and a name that only a certificate says stands behind `cert:`, which no file can have.
 */
import { otherUserText } from '../../guards/loopback-users.ts';
import type { Caller } from '../../task-client/caller.ts';
import { MeshError } from '../../task-client/errors.ts';

/** Whoever calls over loopback when no callers are configured: the person at this machine. */
export const LOCAL_CALLER = 'local';
const localCaller: Caller = { name: LOCAL_CALLER, role: 'admin' };

export interface Credentials {
  /** As sent: `Bearer <token>`. */
  readonly authorization?: string;
  /** Common name of a client certificate that the TLS layer has verified. */
  readonly certificate?: string;
  /** The connection is another user's of this machine; asked where nothing else says who calls. */
  readonly isOtherUser?: boolean;
}

export interface Callers {
  /** @throws MeshError unauthenticated, or permission_denied */
  identify(credentials: Credentials): Caller;
  /**
   * Calls back, once, when the credentials of a caller that was let in say nothing or something else from now on.
   * Returns the function that ends that.
   */
  whenRevoked(credentials: Credentials, caller: Caller, onRevoked: (error: MeshError) => void): () => void;
  /** Whether a caller of before is one still, with the same rights. */
  isKnown(caller: Caller): boolean;
}

const never = (): (() => void) => () => undefined;

/** Without a file of callers: whoever reaches the port is the person at this machine, unless it is seen to be another user. */
export const onlyLocal: Callers = {
  identify: ({ isOtherUser = false }) => {
    if (!isOtherUser) return localCaller;
    throw new MeshError('permission_denied', 'OTHER_USER', otherUserText('this gateway', 'MESH_GATEWAY_CALLERS'));
  },
  whenRevoked: never,
  isKnown: ({ name, role }) => name === LOCAL_CALLER && role === localCaller.role,
};

const CERTIFICATE_PREFIX = 'cert:';
/** Upper bound of a common name (X.520, ub-common-name), in the characters that a name in the file may have. */
const COMMON_NAME = /^[A-Za-z0-9][\w .@-]{0,63}$/;

/** Without a file of callers, but with client certificates: everybody is who the certificate says, and no more. */
export const byCertificate: Callers = {
  identify: ({ certificate }) => {
    if (certificate === undefined)
      throw new MeshError('unauthenticated', 'NO_CERTIFICATE', 'a client certificate with a common name is needed');
    if (!COMMON_NAME.test(certificate))
      throw new MeshError(
        'unauthenticated',
        'NO_CERTIFICATE',
        'the common name of the certificate has 1 to 64 letters, digits, . _ @ - and spaces; name the certificate in MESH_GATEWAY_CALLERS instead',
      );
    return { name: `${CERTIFICATE_PREFIX}${certificate}`, role: 'user' };
  },
  whenRevoked: never,
  isKnown: ({ name, role }) => name.startsWith(CERTIFICATE_PREFIX) && role === 'user',
};
