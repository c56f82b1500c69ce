/**
 * Certificates for one test. Owns: an authority of its own and what it signs, made with openssl. Does not own: who
 * trusts it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly keyPath: string;
  readonly path: string;
  readonly key: Buffer;
  readonly certificate: Buffer;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const DAYS = ['-days', '2'];

export class Authority {
  readonly #folder: string;
  readonly #name: string;

  /** @param name tells apart authorities in one folder */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      ...DAYS,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      this.#keyPath,
      '-out',
      this.path,
    );
  }

  get path(): string {
    return join(this.#folder, `${this.#name}.pem`);
  }

  get certificate(): Buffer {
    return readFileSync(this.path);
  }

  /** @param names of a server: `DNS:localhost`, `IP:127.0.0.1` */
  sign(commonName: string, names: readonly string[] = []): Certificate {
    const file = (ending: string): string => join(this.#folder, `${this.#name}-${commonName}.${ending}`);
    const [keyPath, path] = [file('key'), file('pem')];
    this.#openssl('req', '-new', ...NEW_KEY, '-subj', `/CN=${commonName}`, '-keyout', keyPath, '-out', file('csr'));
    writeFileSync(file('ext'), names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`);
    const signing = ['-CA', this.path, '-CAkey', this.#keyPath, '-CAcreateserial', '-extfile', file('ext'), ...DAYS];
    this.#openssl('x509', '-req', '-in', file('csr'), ...signing, '-out', path);
    return { keyPath, path, key: readFileSync(keyPath), certificate: readFileSync(path) };
  }

  get #keyPath(): string {
    return join(this.#folder, `${this.#name}.key`);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
