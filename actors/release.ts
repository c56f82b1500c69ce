/**
 * The generation of machines that new tasks begin on (S11). Raised when a role's machine changes in a way that an open
 * task could not follow; the old machine then stays in the role's `versions` until no such task is left.
 */
export const RELEASE = 4;
