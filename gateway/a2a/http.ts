/**
 * A2A over HTTP: the agent card, JSON-RPC and HTTP+JSON, as an application of Express around the SDK's handlers. Owns:
 * letting a call in, and bounds of its body. Does not own: listening (`../http/server.ts`), or any operation.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { A2A_CONTENT_TYPE, AGENT_CARD_PATH, AgentCard } from '@a2a-js/sdk';
import { RequestMalformedError, toJsonRpcError, toRestErrorBody } from '@a2a-js/sdk/errors';
import { jsonRpcHandler, restHandler } from '@a2a-js/sdk/server/express';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { MeshError, toMeshError } from '../../client/errors.ts';
import { readTraceparent } from '../../client/requests.ts';
import { PAYLOAD_MAX_BYTES } from '../../schemas/events/envelope.ts';
import type { Admission } from '../core/admission.ts';
import type { Callers } from '../core/callers.ts';
import { certificateOf } from '../http/certificate.ts';
import { A2aCall, type Binding } from './call.ts';
import { JSON_RPC_PATH, REST_PATH } from './card.ts';
import { BindingError, httpStatusOf, jsonRpcCodeOf } from './errors.ts';
import type { A2aHandler } from './handler.ts';

export interface HttpRules {
  readonly callers: Callers;
  readonly admission: Admission;
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
  app.get(`/${AGENT_CARD_PATH}`, card(handler));
  for (const [path, binding] of [
    [JSON_RPC_PATH, 'jsonrpc'],
    [REST_PATH, 'rest'],
  ] as const) {
    const serve = binding === 'jsonrpc' ? jsonRpcHandler : restHandler;
    const json = express.json({ limit: BODY_MAX_BYTES, type: ['application/json', A2A_CONTENT_TYPE], strict: false });
    app.use(path, admission(binding, rules, calls), json, serve({ requestHandler: handler, userBuilder }));
    app.use(path, failed(binding));
  }
  return app;
}

/** For everybody. The SDK's own handler writes security schemes in a form that is not the specification's. */
function card(handler: A2aHandler): RequestHandler {
  return async (_request, response) => {
    response.setHeader('Cache-Control', `public, max-age=${CARD_MAX_AGE_S}`);
    response.json(AgentCard.toJSON(await handler.getAgentCard()));
  };
}

/** Lets a call in, and out again when its response is over, however it ends. */
function admission(
  binding: HttpBinding,
  { callers, admission: door }: HttpRules,
  calls: WeakMap<IncomingMessage, A2aCall>,
): RequestHandler {
  return async (request, response, next) => {
    try {
      const caller = callers.identify({
        ...(request.headers.authorization === undefined ? {} : { authorization: request.headers.authorization }),
        ...certificateOf(request.socket),
      });
      const leave = await door.enter(caller);
      const gone = new AbortController();
      void once(response, 'close').then(() => {
        gone.abort();
        leave();
      });
      const traceparent = readTraceparent(request.header('traceparent'));
      const context = { caller, signal: gone.signal, deadlineMs: null, traceparent };
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
  if (error.retryAfterMs !== null) response.setHeader('Retry-After', String(Math.ceil(error.retryAfterMs / 1000)));
  response.status(status);
  if (binding === 'rest') {
    const body = toRestErrorBody(new BindingError(error, binding), status);
    response.type(A2A_CONTENT_TYPE).json({ error: { ...body.error, status: error.code.toUpperCase() } });
  } else {
    const data = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: error.reason }];
    response.json({ jsonrpc: '2.0', id: null, error: { code: jsonRpcCodeOf(error), message: error.message, data } });
  }
}

/** What the body parser refuses. */
function failed(binding: HttpBinding): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status = error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : 500;
    if (status >= 500) return answerError(binding, response, toMeshError(error));
    const message = error instanceof Error ? error.message : 'the request cannot be read';
    if (status === 413) {
      return answerError(
        binding,
        response,
        new MeshError('invalid_argument', 'TOO_LARGE', `the body is too large: ${message}`),
      );
    }
    const refusal = new RequestMalformedError(message);
    if (binding === 'rest') response.status(400).type(A2A_CONTENT_TYPE).json(toRestErrorBody(refusal, 400));
    else
      response.json({
        jsonrpc: '2.0',
        id: null,
        error: { ...toJsonRpcError(refusal), code: -32700, message: 'Invalid JSON payload.' },
      });
  };
}
