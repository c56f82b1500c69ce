/** What this mesh has beside what Agent Mesh ships. Edit, then `mesh down` and `mesh up`. */
import { defineMesh } from 'agent-mesh';
import { translator } from './roles/translator.ts';
import { glossary } from './tools/glossary.ts';

export default defineMesh({
  roles: [translator],
  workflows: ['./workflows/*.json'],
  tools: [glossary],
  prompts: { code: './prompts/code.md' },
  knowledge: ['./docs'],
});
