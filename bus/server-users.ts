/**
 * The identities of the mesh as a nats-server reads them. Owns: the text of its `authorization` block. Does not own: who
 * may do what (`identities.ts`), keys, or the rest of the configuration.
 */
import { type AddedRole, type Identity, identities, permissionsOf } from './identities.ts';

/** Seconds to answer the server's challenge in: a machine whose disk stands still takes longer than the server's own two. */
const ANSWER_WITHIN_S = 10;

/**
 * @param publicKeys of the nkeys, which are no secret
 * @param added roles beside those that ship
 */
export function authorizationText(
  publicKeys: Readonly<Record<Identity, string>>,
  added: readonly AddedRole[] = [],
): string {
  return [
    'authorization {',
    `  timeout: ${ANSWER_WITHIN_S}`,
    '  users: [',
    ...identities.flatMap((identity) => userText(identity, publicKeys[identity], added)),
    '  ]',
    '}',
  ].join('\n');
}

function userText(identity: Identity, nkey: string, added: readonly AddedRole[]): string[] {
  const permissions = permissionsOf(identity, added);
  if (permissions === null) return [`    # ${identity}: may do everything`, `    { nkey: ${nkey} }`];
  return [
    `    # ${identity}`,
    '    {',
    `      nkey: ${nkey}`,
    '      permissions: {',
    `        publish: { allow: ${listText(permissions.publish)} }`,
    `        subscribe: { allow: ${listText(permissions.subscribe)} }`,
    '      }',
    '    }',
  ];
}

/** Quoted: a `$` at the beginning of a word would name a variable. */
function listText(subjects: readonly string[]): string {
  return `[\n${subjects.map((subject) => `          ${JSON.stringify(subject)}`).join(',\n')}\n        ]`;
}
