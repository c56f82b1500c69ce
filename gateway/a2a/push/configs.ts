/**
 * Push notification configs as callers handle them (specification, sections 3.1.7 to 3.1.10). Owns: checking and
 * bounding them. Does not own: keeping (`store.ts`) or sending (`sender.ts`), or who may see the task.
 */
import { randomUUID } from 'node:crypto';
import type { TaskPushNotificationConfig } from '@a2a-js/sdk';
import { A2AError } from '@a2a-js/sdk/errors';
import { contentHash } from '../../../schemas/events/ids.ts';
import type { Caller } from '../../../task-client/caller.ts';
import { type MeshErrorCode, toMeshError } from '../../../task-client/errors.ts';
import { malformed } from '../errors.ts';
import { ForbiddenAddressError, type PushAddresses } from './address.ts';
import type { PushRoom } from './room.ts';
import type { PushSender } from './sender.ts';
import { secretProblem } from './signature.ts';
import { bytesOf, configOf, keyOf, type PushEntry, type PushStore } from './store.ts';

const TEXT_MAX = 4000;
/** Of what the caller calls it. */
const NAME_MAX = 200;
/** What may stand in a header. */
const HEADER_TEXT = /^[\x20-\x7e]*$/;

/** As it comes with a message, its task is known already. */
export type PushOrder = Partial<TaskPushNotificationConfig> & { readonly taskId: string };

/** Before something is stored for a caller. @throws MeshError resource_exhausted, with the time after which to try again */
type Spend = (caller: Caller, bytes: number) => Promise<void>;

interface PushParts {
  readonly store: PushStore;
  readonly sender: PushSender;
  readonly addresses: PushAddresses;
  readonly room: PushRoom;
  readonly spend: Spend;
}

export class PushConfigs {
  readonly #store: PushStore;
  readonly #sender: PushSender;
  readonly #addresses: PushAddresses;
  readonly #room: PushRoom;
  readonly #spend: Spend;

  constructor({ store, sender, addresses, room, spend }: PushParts) {
    this.#room = room;
    this.#spend = spend;
    this.#store = store;
    this.#sender = sender;
    this.#addresses = addresses;
  }

  /**
   * Creates, or replaces one with the same id.
   * @param cursor what happens after it is told
   * @throws A2AError or MeshError
   */
  async create(order: PushOrder, caller: Caller, cursor: string): Promise<TaskPushNotificationConfig> {
    return shownOf((await this.#created(order, caller, cursor)).entry);
  }

  /**
   * Creates it for what comes with it, a task or an answer: whoever hears that it was taken may rely on being told. What is
   * refused leaves no config behind, and where there is no room for the config nothing is taken.
   */
  async createBefore<T>(order: PushOrder, caller: Caller, cursor: string, work: () => Promise<T>): Promise<T> {
    const { entry, isNew } = await this.#created(order, caller, cursor);
    try {
      return await work();
    } catch (thrown) {
      if (isNew && isRefusal(thrown)) await this.delete(entry.config.taskId, entry.config.id);
      throw thrown;
    }
  }

  async #created(order: PushOrder, caller: Caller, cursor: string): Promise<{ entry: PushEntry; isNew: boolean }> {
    const config = await this.checked(order);
    const known = await this.#store.get(config.taskId, config.id);
    await this.#room.check(config.taskId, caller, known !== null);
    // The same config again (a message that is repeated) goes on where it was.
    const isSame = known !== null && JSON.stringify(known.config) === JSON.stringify(config);
    const entry: PushEntry = isSame
      ? known
      : { config, caller, cursor, done: false, nonce: randomUUID(), at: Date.now() };
    // Whichever gateway does the telling hears of it from the store.
    if (!isSame) {
      // Also one that is replaced or deleted again: the store keeps a mark of that.
      await this.#spend(caller, bytesOf(entry));
      this.#room.note(keyOf(config.taskId, config.id), entry);
      await this.#store.put(entry);
    }
    return { entry, isNew: known === null };
  }

  async get(taskId: string, id: string): Promise<TaskPushNotificationConfig | null> {
    const entry = await this.#store.get(taskId, id);
    return entry === null ? null : shownOf(entry);
  }

  async list(taskId: string): Promise<TaskPushNotificationConfig[]> {
    return (await this.#store.all()).filter(({ config }) => config.taskId === taskId).map(shownOf);
  }

  /** Deleting what is not there is no error, and leaves nothing: the store keeps a mark of whatever is deleted. */
  async delete(taskId: string, id: string): Promise<void> {
    await this.#sender.end(taskId, id);
    if ((await this.#store.get(taskId, id)) === null) return;
    await this.#store.delete(taskId, id);
    this.#room.note(keyOf(taskId, id), null);
  }

  /** @throws A2AError */
  async checked(order: PushOrder): Promise<PushEntry['config']> {
    const { tenant = '', taskId, url = '', token = '', authentication } = order;
    if (url === '') throw field('url', 'is required');
    for (const [name, text] of Object.entries({ url, token, ...authentication })) {
      if (text.length > TEXT_MAX || !HEADER_TEXT.test(text)) throw field(name, 'has visible ASCII characters only');
    }
    for (const [name, text] of Object.entries({ id: order.id ?? '', tenant })) {
      if (text.length > NAME_MAX) throw field(name, `has at most ${NAME_MAX} characters`);
    }
    const problem = secretProblem(authentication);
    if (problem !== null) throw field('authentication.credentials', problem);
    try {
      await this.#addresses.check(url);
    } catch (error) {
      if (error instanceof ForbiddenAddressError) throw field('url', error.message);
      throw error;
    }
    // Derived, so that the same order is the same config.
    const id = order.id === undefined || order.id === '' ? contentHash(`${url} ${token}`).slice(0, 16) : order.id;
    return { tenant, id, taskId, url, token, ...(authentication === undefined ? {} : { authentication }) };
  }
}

/** What is told of a config: never its secrets, to nobody; who made it has them. */
function shownOf(entry: PushEntry): TaskPushNotificationConfig {
  const { authentication, ...config } = configOf(entry);
  return {
    ...{ ...config, token: '' },
    authentication: authentication === undefined ? undefined : { ...authentication, credentials: '' },
  };
}

/** What will be refused again; of anything else it is not known whether the task is in the log. */
const REFUSALS: ReadonlySet<MeshErrorCode> = new Set([
  'invalid_argument',
  'already_exists',
  'permission_denied',
  'failed_precondition',
  'not_found',
  'resource_exhausted',
]);

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof A2AError || REFUSALS.has(toMeshError(thrown).code);
}

function field(name: string, description: string): A2AError {
  return malformed(`taskPushNotificationConfig.${name}`, description);
}
