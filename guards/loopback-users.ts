/**
 * Which user of this machine is at the other end of a connection over loopback. Owns: reading that from the system, once for
 * each connection. Does not own: what a door does with the answer.
 *
 * TCP says nothing of users, but Linux tells of every socket whose it is (/proc/net/tcp, proc_pid_net(5)), to everybody.
 *
 * Invariants:
 * 1. The verdict belongs to the connection, not to its address: it is asked for when the connection is taken, and forgotten
 *    with it. Whoever has the same port later is asked for anew.
 * 2. The system is believed where it lists the door's own listening socket as this user's. Where it never does (no /proc, a
 *    sandbox that hides it) nothing is known; nothing that a peer does decides which of the two it is.
 * 3. A socket that nobody holds any more is nobody's: who has sent and left is not the user that it would have been.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { endianness } from 'node:os';
import ipaddr from 'ipaddr.js';
import { isLoopback } from './web-page.ts';

/** `own`: this user, or root, who may do everything anyway. `unknown`: this system does not tell. */
export type PeerUser = 'own' | 'other' | 'unknown';

/** A connection, from the side of the door. */
export interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
/** The table is read page by page, and may lack a row when others come and go meanwhile. */
const LOOKS = 3;
const LISTENING = '0A';
const ROOT = 0;

/** Both tables as one text. @throws the system's error, unless there are no tables here */
async function connections(): Promise<string> {
  const texts = await Promise.all(TABLES.map((path) => readFile(path, 'latin1').catch(nothingThere)));
  return texts.join('');
}

function nothingThere(error: unknown): string {
  const code = error instanceof Error ? Reflect.get(error, 'code') : '';
  if (code === 'ENOENT' || code === 'EACCES') return '';
  throw error;
}

interface Row {
  readonly state: string;
  readonly uid: number;
  /** 0 for a socket that no process holds. */
  readonly inode: number;
}

/** @param uid of this process */
export function peerUserIn(
  table: string,
  { localAddress, localPort, remoteAddress, remotePort }: Ends,
  uid: number,
): PeerUser {
  if (localAddress === undefined || localPort === undefined) return 'other';
  const here = endsOf(localAddress, localPort);
  const isOurs = here.some((end) => {
    const row = rowOf(table, end, `${end.slice(0, end.indexOf(':')).replaceAll(/./g, '0')}:0000`);
    return row?.state === LISTENING && row.uid === uid;
  });
  if (!isOurs) return 'unknown';
  if (remoteAddress === undefined || remotePort === undefined) return 'other';
  const there = endsOf(remoteAddress, remotePort);
  const rows = there.map((end, at) => rowOf(table, end, here[at] ?? ''));
  return rows.some((row) => row !== null && row.inode !== 0 && (row.uid === uid || row.uid === ROOT)) ? 'own' : 'other';
}

/** As the tables write an address with its port: of an IPv4 address also as a socket for IPv6 has it. */
function endsOf(address: string, port: number): string[] {
  const parsed = ipaddr.process(address);
  const forms = parsed instanceof ipaddr.IPv4 ? [parsed, parsed.toIPv4MappedAddress()] : [parsed];
  return forms.map((form) => `${words(form.toByteArray())}:${port.toString(16).toUpperCase().padStart(4, '0')}`);
}

/** Words of 32 bits, each as this machine has it in memory. */
function words(bytes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4);
    if (endianness() === 'LE') word.reverse();
    text += Buffer.from(word).toString('hex').toUpperCase();
  }
  return text;
}

/** `   0: 0100007F:1D13 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 4355534 …` */
function rowOf(table: string, local: string, remote: string): Row | null {
  const wanted = `: ${local} ${remote} `;
  const at = table.indexOf(wanted);
  if (at < 0) return null;
  const begin = at + wanted.length;
  const [state = '', , , , uid = '', , inode = ''] = table.slice(begin, begin + 200).split(/ +/);
  return { state, uid: Number(uid), inode: Number(inode) };
}

interface Known {
  readonly socket: Socket;
  readonly user: Promise<PeerUser>;
}

/** Of all connections that this process takes over loopback. */
export class LoopbackUsers {
  readonly #known = new Map<string, Known>();
  readonly #read: () => Promise<string>;
  /** A reading that has not begun: whoever comes meanwhile shares it. */
  #next: Promise<string> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** The system has told once. */
  #tells = false;

  /** @param read what the system tells */
  constructor(read: () => Promise<string> = connections) {
    this.#read = read;
    subscribe('net.server.socket', this.#taken);
  }

  /**
   * True for a connection of another user of this machine.
   *
   * @param port of the door
   * @param peer address and port of the other end, as `127.0.0.1:50000`
   */
  async isOther(port: number, peer: string): Promise<boolean> {
    const known = this.#known.get(`${port} ${peer}`);
    return known === undefined || (await known.user) === 'other';
  }

  close(): void {
    unsubscribe('net.server.socket', this.#taken);
    this.#known.clear();
  }

  readonly #taken = (message: unknown): void => {
    const socket: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'socket') : null;
    if (!(socket instanceof Socket) || !isLoopback(plain(socket.localAddress ?? ''))) return;
    const key = `${socket.localPort} ${peerOf(socket)}`;
    const known: Known = { socket, user: this.#userOf(socket) };
    this.#known.set(key, known);
    socket.once('close', () => {
      if (this.#known.get(key) === known) this.#known.delete(key);
    });
  };

  async #userOf({ localAddress, localPort, remoteAddress, remotePort }: Ends): Promise<PeerUser> {
    const uid = process.geteuid?.();
    if (uid === undefined) return 'unknown';
    const ends: Ends = { localAddress, localPort, remoteAddress, remotePort };
    for (let look = 1; ; look += 1) {
      const user = await this.#table().then(
        (table) => peerUserIn(table, ends, uid),
        // Too many open files, no memory: not a reason to let somebody in.
        () => 'other' as const,
      );
      this.#tells ||= user !== 'unknown';
      if (user === 'own' || look === LOOKS) return user === 'unknown' && this.#tells ? 'other' : user;
    }
  }

  /** What the system tells after this moment; one reading answers all who ask before it begins. */
  #table(): Promise<string> {
    this.#next ??= this.#last.then(() => {
      this.#next = null;
      const reading = this.#read();
      this.#last = reading.catch(() => undefined);
      return reading;
    });
    return this.#next;
  }
}

/** An IPv4 address that a socket for both has, as the IPv4 address that it is. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

/** The other end of a connection, as gRPC names it. */
export function peerOf({ remoteAddress, remotePort }: Ends): string {
  return `${remoteAddress}:${remotePort}`;
}

/** What somebody is told who is not answered. @param setting what lets them in */
export function otherUserText(what: string, setting: string): string {
  return `${what} answers the user of this machine who runs it, and you are another one; set ${setting}, or MESH_LOOPBACK_USERS=any to answer all users of this machine`;
}
