/**
 * The skills of a mesh by name. Owns: loading the modules that hold them, and that a name is one skill's. Does not own:
 * which modules there are (each role says its own).
 */
import type { NamedSkill, Skills } from './skill.ts';

/** Lower-case words with hyphens: also a file's name, and the name of a reply's form at a server. */
const SKILL_NAME = /^[a-z][a-z0-9-]{0,31}$/;

export interface SkillBook {
  /** Null when no role brings a skill of that name. */
  find(name: string): Promise<NamedSkill | null>;
  names(): Promise<readonly string[]>;
}

interface SkillModule {
  readonly skills?: Skills;
}

/** @throws RangeError when there is no such skill */
export async function loadSkill(module: string, name: string): Promise<NamedSkill> {
  const { skills = {} } = (await import(module)) as SkillModule;
  const skill = skills[name];
  if (skill === undefined) throw new RangeError(`${module} exports no skill ${name}`);
  return { name, module, skill };
}

/** @param modules addresses of the modules; each is loaded at the first question */
export function createSkillBook(modules: readonly string[]): SkillBook {
  let opened: Promise<ReadonlyMap<string, NamedSkill>> | undefined;
  const open = (): Promise<ReadonlyMap<string, NamedSkill>> => {
    opened ??= readAll(modules);
    return opened;
  };
  return {
    find: async (name) => (await open()).get(name) ?? null,
    names: async () => [...(await open()).keys()],
  };
}

async function readAll(modules: readonly string[]): Promise<ReadonlyMap<string, NamedSkill>> {
  const found = new Map<string, NamedSkill>();
  for (const module of modules) {
    const { skills } = (await import(module)) as SkillModule;
    if (skills === undefined) throw new Error(`${module} exports no skills`);
    for (const [name, skill] of Object.entries(skills)) {
      if (!SKILL_NAME.test(name)) throw new Error(`${module}: a skill's name is a lower-case word, and not ${name}`);
      if (found.has(name)) throw new Error(`there are two skills called ${name}: give yours another name`);
      found.set(name, { name, module, skill });
    }
  }
  return found;
}
