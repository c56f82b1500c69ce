/**
 * The first caller of a gateway in a container: `node containers/make-caller.ts FOLDER`. Owns: a token that is made
 * once, and the file of callers that goes with it. Does not own: what callers may do (docs/gateway.md).
 *
 * What is there is left alone, so callers that were added stay, and so does the token after a restart.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOKEN_BYTES = 32;

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node containers/make-caller.ts FOLDER\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const callersPath = join(folder, 'callers.json');
if (existsSync(callersPath)) {
  process.stdout.write(`${callersPath} is there already\n`);
} else {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const tokenSha256 = createHash('sha256').update(token).digest('hex');
  writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600 });
  // Last: the file of callers is the sign that the token beside it is whole.
  writeFileSync(callersPath, `${JSON.stringify({ callers: [{ name: 'owner', role: 'admin', tokenSha256 }] })}\n`);
  process.stdout.write(`made ${callersPath}; the token of its caller is in ${join(folder, 'token')}\n`);
}
