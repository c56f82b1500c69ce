/**
 * Takes out of a text what the entry of a server keeps secret: servers and libraries quote what they were given, and the
 * reason why one does not run is shown to whoever asks. Owns: which values of an entry are secrets. Does not own: what a tool
 * answers.
 */
import type { ServerConfig } from './config.ts';

const SECRET_NAME = /key|token|secret|passw|auth|credential|cookie/i;
/** A shorter one would take pieces out of words. */
const SECRET_CHARS_MIN = 6;

export function blanking(config: ServerConfig): (text: string) => string {
  const secrets = valuesOf(config)
    // Of `Bearer <token>` the token alone is quoted as well.
    .flatMap((value) => [value.trim(), ...value.trim().split(/\s+/)])
    .flatMap((value) => [value, encodeURIComponent(value)])
    .filter((value) => value.length >= SECRET_CHARS_MIN)
    .sort((one, other) => other.length - one.length);
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '(not shown)'), text);
}

function valuesOf(config: ServerConfig): string[] {
  const named = config.kind === 'http' ? config.headers : config.env;
  const kept = Object.entries(named).flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));
  return config.kind === 'http' ? [...kept, ...new URL(config.url).searchParams.values()] : kept;
}
