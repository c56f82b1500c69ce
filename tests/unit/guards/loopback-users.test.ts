/** Whose a connection over loopback is: by what the system tells, and with another user of this machine where one can be had. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { LoopbackUsers, peerOf, peerUserIn } from '../../../guards/loopback-users.ts';
import { asNobody, canBeNobody } from '../../support/nobody.ts';

const DOOR = 7444;
const CLIENT = 50_000;
const UID = 1000;
const CROWD = 200;
const LE_LOOPBACK = '0100007F';
const ANY = '00000000';
const MAPPED = '0000000000000000FFFF00000100007F';
const V6 = '00000000000000000000000001000000';
const end = (address: string, port: number): string => `${address}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
const row = (local: string, remote: string, state: string, uid: number, inode = 4711): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000002ff92ea\n`;
const listening = row(end(LE_LOOPBACK, DOOR), end(ANY, 0), '0A', UID);
const client = (uid: number, state = '01', inode = 4712): string =>
  row(end(LE_LOOPBACK, CLIENT), end(LE_LOOPBACK, DOOR), state, uid, inode);
const ours = row(end(LE_LOOPBACK, DOOR), end(LE_LOOPBACK, CLIENT), '01', UID);
const ends = {
  ...{ localAddress: '127.0.0.1', localPort: DOOR, remoteAddress: '127.0.0.1', remotePort: CLIENT },
};

describe('what the system tells', () => {
  test.each([
    ['this user', listening + ours + client(UID), 'own'],
    ['root', listening + client(0), 'own'],
    ['another user', listening + client(1001), 'other'],
    ['a user whose number begins alike', listening + client(10_000), 'other'],
    ['one who has left: the place is kept for a while, as root’s', listening + client(0, '06', 0), 'other'],
    ['one who has closed and is still sending', listening + client(0, '04', 0), 'other'],
    ['nobody: the connection is gone', listening + ours, 'other'],
    [
      'another user, and a connection of ours from the same port elsewhere',
      [listening, client(1001), row(end(LE_LOOPBACK, CLIENT), end(LE_LOOPBACK, 7443), '01', UID)].join(''),
      'other',
    ],
    ['a socket for IPv6 of another user', listening + row(end(MAPPED, CLIENT), end(MAPPED, DOOR), '01', 1001), 'other'],
    ['a socket for IPv6 of this user', listening + row(end(MAPPED, CLIENT), end(MAPPED, DOOR), '01', UID), 'own'],
    ['nothing at all', '', 'unknown'],
    ['a table that knows no users', client(0).repeat(3), 'unknown'],
    [
      'a table in which the door is somebody else’s',
      row(end(LE_LOOPBACK, DOOR), end(ANY, 0), '0A', 65_534) + client(UID),
      'unknown',
    ],
  ])('%s', (_what, table, wanted) => {
    expect(peerUserIn(table, ends, UID)).toBe(wanted);
  });

  test.each([
    [UID, 'own'],
    [1001, 'other'],
  ])('over IPv6, uid %i', (uid, wanted) => {
    const table =
      row(end(V6, DOOR), end('0'.repeat(32), 0), '0A', UID) + row(end(V6, CLIENT), end(V6, DOOR), '01', uid);
    expect(peerUserIn(table, { ...ends, localAddress: '::1', remoteAddress: '::1' }, UID)).toBe(wanted);
  });

  test('a connection that has ended meanwhile is nobody’s', () => {
    expect(peerUserIn(listening + client(UID), { localAddress: '127.0.0.1', localPort: DOOR }, UID)).toBe('other');
    expect(peerUserIn(listening + client(UID), {}, UID)).toBe('other');
  });
});

describe('connections', () => {
  let users: LoopbackUsers | undefined;
  let server: Server | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    users?.close();
    server?.close();
    if (server?.listening === true) await once(server, 'close');
  });

  const open = async (read?: () => Promise<string>): Promise<number> => {
    users = new LoopbackUsers(read);
    server = createServer((socket) => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const taken = async (port: number): Promise<Socket> => {
    const connected = once(server ?? process, 'connection');
    sockets.push(connect(port, '127.0.0.1').on('error', () => undefined));
    const [socket] = (await connected) as [Socket];
    return socket;
  };
  const isOther = (port: number, socket: Socket) => users?.isOther(port, peerOf(socket));

  test('of this user are answered', async () => {
    const port = await open();
    const all = await Promise.all([await taken(port), await taken(port), await taken(port)]);
    expect(await Promise.all(all.map((socket) => isOther(port, socket)))).toEqual([false, false, false]);
  });

  test('that nobody has taken here, or that have ended, are not', async () => {
    const port = await open();
    const socket = await taken(port);
    expect(await users?.isOther(port + 1, peerOf(socket))).toBe(true);
    expect(await users?.isOther(port, '127.0.0.1:1')).toBe(true);
    const peer = peerOf(socket);
    socket.destroy();
    await once(socket, 'close');
    expect(await users?.isOther(port, peer)).toBe(true);
  });

  test('on a system that does not tell are answered; one that has told and fails once lets nobody in', async () => {
    const texts = ['', '', ''];
    let port = await open(async () => texts.shift() ?? '');
    expect(await isOther(port, await taken(port))).toBe(false);
    users?.close();
    server?.close();

    let table = '';
    port = await open(async () => table);
    const address = end(LE_LOOPBACK, port);
    const uid = process.geteuid?.() ?? 0;
    table = row(address, end(ANY, 0), '0A', uid);
    expect(await isOther(port, await taken(port))).toBe(true);
    table = '';
    expect(await isOther(port, await taken(port))).toBe(true);
  });

  test('are looked up together: a crowd costs a few readings', async () => {
    let readings = 0;
    const { promise: everybody, resolve: goOn } = Promise.withResolvers<void>();
    const port = await open(async () => {
      readings += 1;
      await everybody;
      return '';
    });
    const all: Socket[] = [];
    server?.on('connection', (socket) => all.push(socket));
    for (let n = 0; n < CROWD; n += 1) sockets.push(connect(port, '127.0.0.1').on('error', () => undefined));
    await expect.poll(() => all.length).toBe(CROWD);
    goOn();
    await Promise.all(all.map((socket) => isOther(port, socket)));
    // Each asks three times of a system that does not tell.
    expect(readings).toBeLessThan(10);
  });

  test('a reading that fails lets nobody in', async () => {
    const port = await open(() => Promise.reject(new Error('too many open files')));
    expect(await isOther(port, await taken(port))).toBe(true);
  });

  test.runIf(canBeNobody)('of another user are not answered, also when they have sent and left', async () => {
    const port = await open();
    const heard: boolean[] = [];
    server?.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      void users?.isOther(port, peer).then((is) => heard.push(is));
      socket.on('error', () => undefined);
    });
    const stays = `require('node:net').connect(${port}, '127.0.0.1', function () { this.write('x', () => this.end()); })`;
    const leaves = `require('node:net').connect(${port}, '127.0.0.1', function () { this.write('x', () => this.resetAndDestroy()); })`;
    server?.on('connection', (socket: Socket) => socket.resume().on('end', () => socket.end()));
    await asNobody(process.execPath, '-e', stays);
    await asNobody(process.execPath, '-e', leaves);
    await expect.poll(() => heard).toEqual([true, true]);
  });
});
