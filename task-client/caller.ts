/**
 * Who asks, and what that allows. Owns: the words. Does not own: finding out who it is; every door reads its own header,
 * and the command line is the person at this machine.
 */

/** `observer` sees the tasks of all callers; `admin` also steers them and switches modes. */
export type CallerRole = 'user' | 'observer' | 'admin';

export interface Caller {
  /** Stands on the caller's tasks. */
  readonly name: string;
  readonly role: CallerRole;
}

export function seesAll({ role }: Caller): boolean {
  return role !== 'user';
}

export function isAdmin({ role }: Caller): boolean {
  return role === 'admin';
}
