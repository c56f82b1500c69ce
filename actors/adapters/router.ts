/**
 * The router from the settings. Owns: which engine decides. Does not own: an engine.
 */
import type { Settings } from '../../config/settings.ts';
import type { Router } from '../../router/port.ts';
import { createRulesRouter } from '../../router/rules.ts';
import type { Part } from './part.ts';

export function routerPart(settings: Settings, workflows: readonly string[]): Part<Router> {
  const port = createRulesRouter({ workflows, fallback: 'answer', threshold: settings.ROUTER_CONFIDENCE_THRESHOLD });
  return { port, status: () => ({ capabilities: ['router:rules'] }) };
}
