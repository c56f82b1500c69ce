/**
 * The agent card: what this mesh can do, and where (specification, section 4.4.1). Owns: its text. Does not own: the
 * workflows; each is one skill.
 */
import { A2A_PROTOCOL_VERSION, type AgentCard, type AgentSkill, type SecurityScheme } from '@a2a-js/sdk';
import type { Catalog } from '../../task-client/ports.ts';

/** Paths of the bindings below the address of the HTTP port. */
export const JSON_RPC_PATH = '/a2a/jsonrpc';
export const REST_PATH = '/a2a/rest';
/** What a message may bring; `prompt.ts` says what becomes of it. */
export const INPUT_MODES = ['text/plain', 'text/markdown', 'application/json'];
/** What every answer is in; pictures and sound come from tools beside it. */
export const OUTPUT_MODES = ['text/plain', 'application/json'];
/** The version before 1.0, served by the SDK's own layer (`legacy-card.ts`). */
export const LEGACY_VERSION = '0.3';

export interface CardFacts {
  /** Such as `http://127.0.0.1:7444`. */
  readonly httpUrl: string;
  /** Such as `127.0.0.1:7443`. */
  readonly grpcAddress: string;
  readonly version: string;
  /** How callers say who they are; `none` on loopback. */
  readonly authentication: 'none' | 'token' | 'certificate';
  readonly workflows: Catalog['workflows'];
  /** By which receivers check push notifications. */
  readonly pushKey: string;
}

/** Each is run by a test: clients offer them as buttons. */
const examples: Readonly<Record<string, readonly string[]>> = {
  answer: ['How does the mesh recover after a crash?'],
  build: ['Write a debounce function in TypeScript'],
  review: ['Review this TypeScript function: function isEven(n: number) { return n % 2 === 1; }'],
  tool: ['tool:calculator {"expression": "2 * 21"}'],
  direct: ['Say hello'],
};

function skill(name: string, description: string): AgentSkill {
  return {
    id: name,
    name,
    description: `${description} Chosen by the router, or by "workflow": "${name}" in the metadata of the message.`,
    tags: ['workflow', name],
    examples: [...(examples[name] ?? [])],
    inputModes: [],
    outputModes: [],
    securityRequirements: [],
  };
}

function schemes(authentication: CardFacts['authentication']): Record<string, SecurityScheme> {
  switch (authentication) {
    case 'none':
      return {};
    case 'token':
      return {
        token: {
          scheme: {
            $case: 'httpAuthSecurityScheme',
            value: { description: 'A token of the callers file of the gateway.', scheme: 'Bearer', bearerFormat: '' },
          },
        },
      };
    case 'certificate':
      return {
        certificate: {
          scheme: { $case: 'mtlsSecurityScheme', value: { description: 'A certificate of the mesh authority.' } },
        },
      };
    default:
      throw new Error(`unhandled authentication: ${String(authentication satisfies never)}`);
  }
}

export function agentCard(facts: CardFacts): AgentCard {
  const { httpUrl, grpcAddress, version, authentication, workflows, pushKey } = facts;
  const signed = {
    uri: 'https://agentmesh.dev/a2a/push-signatures/v1',
    description: 'Push notifications are signed as Standard Webhooks 1.0 has it (v1a, Ed25519), with this public key.',
    required: false,
    params: { publicKey: pushKey },
  };
  const securitySchemes = schemes(authentication);
  const served = (protocolBinding: string, url: string, protocolVersion = A2A_PROTOCOL_VERSION) => ({
    ...{ url, protocolBinding, tenant: '' },
    protocolVersion,
  });
  const [jsonRpc, rest] = [`${httpUrl}${JSON_RPC_PATH}`, `${httpUrl}${REST_PATH}`];
  return {
    name: 'Agent Mesh',
    description:
      'A mesh of LLM agents: it picks a workflow, works on it, and answers with citations, code or a review. What it has accepted survives crashes.',
    supportedInterfaces: [
      served('JSONRPC', jsonRpc),
      served('HTTP+JSON', rest),
      served('GRPC', grpcAddress),
      // The first of a binding is the one that clients prefer; these are for clients that know no other.
      served('JSONRPC', jsonRpc, LEGACY_VERSION),
      served('HTTP+JSON', rest, LEGACY_VERSION),
    ],
    provider: undefined,
    version,
    capabilities: { streaming: true, pushNotifications: true, extendedAgentCard: false, extensions: [signed] },
    securitySchemes,
    securityRequirements: Object.keys(securitySchemes).map((name) => ({ schemes: { [name]: { list: [] } } })),
    defaultInputModes: [...INPUT_MODES],
    defaultOutputModes: [...OUTPUT_MODES],
    skills: [...workflows].map(([name, description]) => skill(name, description)),
    signatures: [],
  };
}
