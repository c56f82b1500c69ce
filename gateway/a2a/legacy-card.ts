/**
 * The agent card for clients of A2A 0.3. Owns: which form of the card a request gets, and the fields by which a client of
 * either version finds its way in one card. Does not own: the card (`card.ts`), or the translation of calls (the SDK's
 * own layer).
 *
 * A client of 0.3 reads `url`, `preferredTransport` and `security` at the top of the card and says no version when it
 * fetches it; so does many a client of 1.0, which reads `supportedInterfaces`. The fields don't collide, so a card for 0.3 has
 * both; but the schema of 1.0 allows no further field, so a card without a version is one of 1.0 unless a setting says otherwise
 * (decision 0112).
 */
import { AgentCard, type SecurityScheme } from '@a2a-js/sdk';
import { LEGACY_VERSION } from './card.ts';

/** As releases before 0.3.0 looked for it. */
export const LEGACY_CARD_PATH = '/.well-known/agent.json';

type Json = Record<string, unknown>;

/** @param version of the request */
export function cardFor(card: AgentCard, version: string): Json {
  const modern = AgentCard.toJSON(card) as Json;
  return version === LEGACY_VERSION ? { ...modern, ...legacyFields(card) } : modern;
}

function legacyFields(card: AgentCard): Json {
  const [primary, ...others] = card.supportedInterfaces.filter(
    ({ protocolVersion }) => protocolVersion === LEGACY_VERSION,
  );
  if (primary === undefined) return {};
  const schemes = Object.entries(card.securitySchemes);
  return {
    ...{ url: primary.url, preferredTransport: primary.protocolBinding, protocolVersion: `${LEGACY_VERSION}.0` },
    additionalInterfaces: others.map(({ url, protocolBinding }) => ({ url, transport: protocolBinding })),
    supportsAuthenticatedExtendedCard: false,
    ...(schemes.length === 0
      ? {}
      : {
          securitySchemes: Object.fromEntries(schemes.map(([name, scheme]) => [name, bothForms(scheme)])),
          security: schemes.map(([name]) => ({ [name]: [] })),
        }),
  };
}

/** 1.0 wraps a scheme in a field of its kind, 0.3 says the kind in `type`. */
function bothForms({ scheme }: SecurityScheme): Json {
  switch (scheme?.$case) {
    case 'httpAuthSecurityScheme':
      return {
        httpAuthSecurityScheme: { description: scheme.value.description, scheme: scheme.value.scheme },
        ...{ type: 'http', scheme: scheme.value.scheme, description: scheme.value.description },
      };
    case 'mtlsSecurityScheme':
      return {
        mtlsSecurityScheme: { description: scheme.value.description },
        ...{ type: 'mutualTLS', description: scheme.value.description },
      };
    default:
      throw new Error(`the card has a security scheme that is not translated: ${String(scheme?.$case)}`);
  }
}
