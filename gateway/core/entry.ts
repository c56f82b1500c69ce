/**
 * Letting a call in, the same at every door. Owns: the order (who it is, whether there is room), and the signal that ends
 * the call: its caller has left, or is no caller any more. Does not own: who is one (`callers.ts`), or how many may
 * (`admission.ts`).
 */
import type { Caller } from '../../task-client/caller.ts';
import type { Admission } from './admission.ts';
import type { Callers, Credentials } from './callers.ts';

export interface Doorkeepers {
  readonly callers: Callers;
  readonly admission: Admission;
}

export interface Entry {
  readonly caller: Caller;
  /** Aborted when the caller has left, or with a MeshError when it may not go on. */
  readonly signal: AbortSignal;
  /** The caller has left. */
  hangUp(): void;
  /** The call is over; more than once is no error. */
  leave(): void;
}

/** @throws MeshError unauthenticated or resource_exhausted */
export async function enter({ callers, admission }: Doorkeepers, credentials: Credentials): Promise<Entry> {
  const caller = callers.identify(credentials);
  const leave = await admission.enter(caller);
  const ended = new AbortController();
  const forget = callers.whenRevoked(credentials, caller, (error) => ended.abort(error));
  return {
    caller,
    signal: ended.signal,
    hangUp: () => ended.abort(),
    leave: () => {
      forget();
      leave();
    },
  };
}
