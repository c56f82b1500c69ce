/**
 * `node:http` as a start wants it. Owns: loading it as CommonJS does. Does not own: anything of it.
 *
 * Who imports it as a module is handed all that it exports, the WebSocket too, and for that one Node loads the whole of undici:
 * 40 ms of processor time at each start, of 5 (Node 24). Types come from `node:http` as always.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');
