/**
 * A2A over HTTP: the agent card, JSON-RPC and HTTP+JSON, as an application of Express around the SDK's handlers. Owns:
 * letting a call in, and bounds of its body. Does not own: listening (`../http/server.ts`), or any operation.
 */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { A2A_CONTENT_TYPE, A2A_PROTOCOL_VERSION, AGENT_CARD_PATH } from '@a2a-js/sdk';
import { RequestMalformedError, toJsonRpcError, toRestErrorBody } from '@a2a-js/sdk/errors';
import { jsonRpcHandler, restHandler } from '@a2a-js/sdk/server/express';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { PAYLOAD_MAX_BYTES, parseJson, type Rejection } from '../../schemas/events/envelope.ts';
import { contentHash } from '../../schemas/events/ids.ts';
import { readTraceparent } from '../../schemas/events/trace-context.ts';
import { MeshError, toMeshError } from '../../task-client/errors.ts';
import type { ClientLog } from '../../task-client/ports.ts';
import { type Doorkeepers, enter } from '../core/entry.ts';
import { certificateOf } from '../http/certificate.ts';
import { A2aCall, type Binding } from './call.ts';
import { JSON_RPC_PATH, LEGACY_VERSION, REST_PATH } from './card.ts';
import { BindingError, httpStatusOf, jsonRpcCodeOf } from './errors.ts';
import type { A2aHandler } from './handler.ts';
import { jsonRpcDialect, setRetryAfter } from './json-rpc-dialect.ts';
import { cardFor, LEGACY_CARD_PATH } from './legacy-card.ts';
import { restDialect } from './rest-dialect.ts';

export interface HttpRules extends Doorkeepers {
  readonly log: ClientLog;
  /** Of the card that is fetched without a version. */
  readonly cardOfBoth: boolean;
}

type HttpBinding = Exclude<Binding, 'grpc'>;

/** The largest event, and what JSON adds to it. */
const BODY_MAX_BYTES = PAYLOAD_MAX_BYTES + 64 * 1024;
/** A card changes with the release or the settings. */
const CARD_MAX_AGE_S = 60;
/** Section 3.6: a patch version says nothing about compatibility. */
const PATCHED_VERSION = /^(\d+\.\d+)\.\d+$/;
const VERSION_HEADER = 'a2a-version';

export function a2aApp(handler: A2aHandler, rules: HttpRules): Express {
  const app = express();
  app.disable('x-powered-by');
  // Streams and answers differ at every call; hashing them for an ETag is work for nothing.
  app.set('etag', false);
  const calls = new WeakMap<IncomingMessage, A2aCall>();
  const userBuilder = (request: Request): Promise<A2aCall> => {
    const call = calls.get(request);
    return call === undefined ? Promise.reject(new Error('a call came in past its admission')) : Promise.resolve(call);
  };
  app.options(/.*/, noPreflight);
  app.get([`/${AGENT_CARD_PATH}`, LEGACY_CARD_PATH], card(handler, rules));
  for (const [path, binding] of [
    [JSON_RPC_PATH, 'jsonrpc'],
    [REST_PATH, 'rest'],
  ] as const) {
    const serve = binding === 'jsonrpc' ? jsonRpcHandler : restHandler;
    const text = express.text({ limit: BODY_MAX_BYTES, type: ['application/json', A2A_CONTENT_TYPE] });
    const served = serve({ requestHandler: handler, userBuilder, legacyCompat: { enabled: true } });
    const dialect = binding === 'rest' ? restDialect : jsonRpcDialect((request) => calls.get(request)?.refusal ?? null);
    app.use(path, dialect, admission(binding, rules, calls), text, parsed(binding, rules.log), served);
    app.use(path, failed(binding, rules.log));
  }
  app.use(nothingHere);
  app.use(failed('rest', rules.log));
  return app;
}

/**
 * For everybody. The SDK's own handler writes security schemes in a form that is not the specification's. Section 8.6.1:
 * a card has an ETag; it was changed when this process came up, since its text is of the release and the settings.
 */
function card(handler: A2aHandler, { cardOfBoth }: HttpRules): RequestHandler {
  const changedAt = new Date().toUTCString();
  return async (request, response) => {
    const said = request.path === LEGACY_CARD_PATH ? LEGACY_VERSION : request.header(VERSION_HEADER);
    const version = said ?? (cardOfBoth ? LEGACY_VERSION : A2A_PROTOCOL_VERSION);
    const body = JSON.stringify(cardFor(await handler.getAgentCard(), version));
    response.setHeader('Cache-Control', `public, max-age=${CARD_MAX_AGE_S}`);
    response.setHeader('ETag', `"${contentHash(body)}"`);
    response.setHeader('Last-Modified', changedAt);
    response.setHeader('Vary', 'A2A-Version');
    if (request.fresh) response.status(304).end();
    else response.type('application/json').send(body);
  };
}

/** JSON within the limits of depth and keys that every door of the mesh has; the SDK takes what is parsed already. */
function parsed(binding: HttpBinding, log: ClientLog): RequestHandler {
  return (request, response, next) => {
    if (typeof request.body !== 'string') return next();
    const json = parseJson(request.body === '' ? '{}' : request.body);
    if (!json.ok) {
      log.warn({ binding, code: json.rejection.code, bytes: request.body.length }, 'a body of A2A was refused');
      return refuseBody(binding, response, json.rejection);
    }
    if (typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
      return refuseBody(binding, response, {
        code: 'invalid_envelope',
        reason: binding === 'jsonrpc' ? 'send one JSON-RPC request, an object' : 'the body must be an object',
      });
    }
    request.body = json.value;
    next();
  };
}

/** Codes of JSON-RPC 2.0, section 5.1: what is no JSON, and what is no request. */
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

function refuseBody(binding: HttpBinding, response: Response, { code, reason }: Rejection): void {
  const refusal = new RequestMalformedError(reason);
  if (binding === 'rest') {
    response.status(400).json(toRestErrorBody(refusal, 400));
    return;
  }
  const error = { ...toJsonRpcError(refusal), code: code === 'not_json' ? PARSE_ERROR : INVALID_REQUEST };
  response.json({ jsonrpc: '2.0', id: null, error });
}

/** No page of another origin is served, so none has to ask whether it may. */
const noPreflight: RequestHandler = (_request, response) => {
  const message = 'no web page of another origin is answered here';
  response.status(405).json({ error: { code: 405, status: 'METHOD_NOT_ALLOWED', message } });
};

const nothingHere: RequestHandler = ({ method, path }, response) => {
  const message = `nothing is served at ${method} ${path}; the agent card at /${AGENT_CARD_PATH} says where to send what`;
  response.status(404).json({ error: { code: 404, status: 'NOT_FOUND', message } });
};

/** Lets a call in, and out again when its response is over, however it ends. */
function admission(binding: HttpBinding, rules: HttpRules, calls: WeakMap<IncomingMessage, A2aCall>): RequestHandler {
  return async (request, response, next) => {
    try {
      const entry = await enter(rules, {
        ...(request.headers.authorization === undefined ? {} : { authorization: request.headers.authorization }),
        ...certificateOf(request.socket),
      });
      void once(response, 'close').then(() => {
        entry.hangUp();
        entry.leave();
      });
      const traceparent = readTraceparent(request.header('traceparent'));
      const context = {
        caller: entry.caller,
        door: 'a2a' as const,
        signal: entry.signal,
        deadlineMs: null,
        traceparent,
      };
      calls.set(request, new A2aCall(binding, context, response));
      const version = PATCHED_VERSION.exec(request.header(VERSION_HEADER) ?? '')?.[1];
      if (version !== undefined) request.headers[VERSION_HEADER] = version;
      next();
    } catch (thrown) {
      answerError(binding, response, toMeshError(thrown));
    }
  };
}

/** Not let in: the SDK has not seen the call, so that the error leaves from here. */
function answerError(binding: HttpBinding, response: Response, error: MeshError): void {
  const status = httpStatusOf(error);
  if (error.code === 'unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer');
  if (error.retryAfterMs !== null) setRetryAfter(response, error.retryAfterMs);
  response.status(status);
  if (binding === 'rest') {
    const body = toRestErrorBody(new BindingError(error, binding), status);
    response.json({ error: { ...body.error, status: error.code.toUpperCase() } });
  } else {
    const data = [new BindingError(error, binding).toErrorInfo()];
    response.json({ jsonrpc: '2.0', id: null, error: { code: jsonRpcCodeOf(error), message: error.message, data } });
  }
}

/** What the body parser refuses. */
function failed(binding: HttpBinding, log: ClientLog): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status = error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : 500;
    if (status >= 500) {
      const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error({ binding, cause }, 'a call of A2A failed unexpectedly');
      return answerError(binding, response, toMeshError(error));
    }
    log.warn({ binding, status }, 'a body of A2A was refused');
    const message = error instanceof Error ? error.message : 'the request cannot be read';
    if (status === 413) {
      return answerError(
        binding,
        response,
        new MeshError('invalid_argument', 'TOO_LARGE', `the body is too large: ${message}`),
      );
    }
    refuseBody(binding, response, { code: 'not_json', reason: message });
  };
}
