/**
 * Names of callers as events carry them. Owns: telling a name that a door vouches for from one that anybody claimed. Does not
 * own: who may call what (`gateway/`), or where claims are marked (`ingress/ingress.ts`).
 */

/** Before the name that a message on `mesh.tasks` gives its sender; no caller of a door is called so. */
const CLAIMED = 'nats:';

export function claimedCaller(name: string): string {
  return `${CLAIMED}${name}`;
}

/** No door of the mesh knows who this is. */
export function isClaimed(caller: string | undefined): boolean {
  return caller?.startsWith(CLAIMED) ?? false;
}
