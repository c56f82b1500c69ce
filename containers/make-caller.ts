/**
 * The first callers of a gateway in a container: `node containers/make-caller.ts FOLDER DASHBOARD_ADDRESS`. Owns: tokens
 * that are made once, the file of callers that goes with them, and the link to the dashboard. Does not own: what callers
 * may do (docs/gateway.md), or who reads the files (`start.ts`, the gateway).
 *
 * 1. What is there is left alone: callers that were added or taken away stay so, and tokens stay after a restart.
 * 2. A file that shows that something is made is written last, so a run that was cut off is made up for by the next one.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readWrittenJson } from '../schemas/written-json.ts';

const TOKEN_BYTES = 32;
const SECRET_MODE = 0o600;
/** Hashes only; the gateway refuses a file that others may write to. */
const CALLERS_MODE = 0o644;
const WRONG_USE = 2;
/** A name that nobody has given to a caller of their own. */
const DASHBOARD_CALLER = 'mesh-dashboard';

const callersFile = z.looseObject({ callers: z.array(z.looseObject({ name: z.string() })) });

const [folder, address] = process.argv.slice(2);
if (folder === undefined || address === undefined || !URL.canParse(address)) {
  process.stderr.write('usage: node containers/make-caller.ts FOLDER DASHBOARD_ADDRESS\n');
  process.exit(WRONG_USE);
}
const callersPath = join(folder, 'callers.json');
const dashboardPath = join(folder, 'dashboard.env');
const linkPath = join(folder, 'dashboard-link');

function makeToken(): { token: string; tokenSha256: string } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, tokenSha256: createHash('sha256').update(token).digest('hex') };
}

/** The whole file or none of it. */
function write(path: string, text: string, mode: number): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function readCallersFile(): z.output<typeof callersFile> {
  try {
    return callersFile.parse(readWrittenJson(readFileSync(callersPath, 'utf8')));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `${callersPath} is no file of callers (docs/gateway.md): correct it, then start again: ${why}\n`,
    );
    process.exit(WRONG_USE);
  }
}

function makeOwner(): void {
  if (existsSync(callersPath)) {
    say(`${callersPath} is there already`);
    return;
  }
  const { token, tokenSha256 } = makeToken();
  write(join(folder ?? '', 'token'), `${token}\n`, SECRET_MODE);
  write(callersPath, `${JSON.stringify({ callers: [{ name: 'owner', role: 'admin', tokenSha256 }] })}\n`, CALLERS_MODE);
  say(`made ${callersPath}; the token of its caller is in ${join(folder ?? '', 'token')}`);
}

/** It acts for whoever has its link, on tasks of all callers: no lesser role may answer or cancel those. */
function makeDashboard(): void {
  if (existsSync(dashboardPath)) return;
  const shown = makeToken().token;
  const { token, tokenSha256 } = makeToken();
  const known = readCallersFile();
  const others = known.callers.filter(({ name }) => name !== DASHBOARD_CALLER);
  const callers = [...others, { name: DASHBOARD_CALLER, role: 'admin', tokenSha256 }];
  write(callersPath, `${JSON.stringify({ ...known, callers })}\n`, CALLERS_MODE);
  write(linkPath, `${new URL(`/?token=${shown}`, address).href}\n`, SECRET_MODE);
  const settings = [`MESH_DASHBOARD_TOKEN=${shown}`, `MESH_DASHBOARD_CALLER_TOKEN=${token}`];
  write(dashboardPath, `${settings.join('\n')}\n`, SECRET_MODE);
}

mkdirSync(folder, { recursive: true });
makeOwner();
makeDashboard();
say(`the link to the dashboard, with its token: docker compose exec dashboard cat ${linkPath}`);
