import { HttpCallError, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import type { Admission } from '../../turn.ts';
import { StoreError } from '../store.ts';
import type { Given, InboxHandlers, Kept, Said, SessionHandlers, serviceNames } from './protocol.ts';

/** Restate cannot be reached, or does not know the agent, or refuses what it was asked. */
export class RestateError extends StoreError {
  override readonly name = 'RestateError';
}

/** Asks the objects of sessions, over Restate's ingress. */
export class SessionClient {
  readonly #ingress: Ingress;
  readonly #names: ReturnType<typeof serviceNames>;

  constructor(ingress: Ingress, names: ReturnType<typeof serviceNames>) {
    this.#ingress = ingress;
    this.#names = names;
  }

  /** False where there is one of that id. */
  create(id: string): Promise<boolean> {
    return this.#reach(this.#session(id).create(rpc.opts({ idempotencyKey: crypto.randomUUID() })));
  }

  look(id: string): Promise<Kept> {
    return this.#reach(this.#inbox(id).look());
  }

  events(id: string, after: number): Promise<Said> {
    return this.#reach(this.#session(id).events({ after }));
  }

  ask(id: string, given: Given): Promise<Admission> {
    const key = rpc.opts<Given, Admission>({ idempotencyKey: crypto.randomUUID() });
    return this.#reach(this.#inbox(id).ask(given, key));
  }

  /** @param key under which it is given once, however often it is tried */
  give(id: string, given: Given, key: string): Promise<void> {
    return this.#reach(this.#inbox(id).give(given, rpc.opts({ idempotencyKey: key })));
  }

  /** Once its turn has ended. */
  erase(id: string): Promise<void> {
    return this.#reach(this.#session(id).erase());
  }

  #session(id: string) {
    return this.#ingress.objectClient<SessionHandlers>(this.#names.session, id);
  }

  #inbox(id: string) {
    return this.#ingress.objectClient<InboxHandlers>(this.#names.inbox, id);
  }

  async #reach<T>(asked: PromiseLike<T>): Promise<T> {
    try {
      return await asked;
    } catch (cause) {
      throw new RestateError(this.#describe(cause), { cause });
    }
  }

  #describe(error: unknown): string {
    const { name } = this.#names.session;
    if (!(error instanceof HttpCallError)) return `Restate cannot be reached: ${reasonOf(error)}.`;
    if (error.status === 404) {
      return `Restate knows no service "${name}": register the address where restateServices() are served.`;
    }
    return `Restate answers ${error.status} for "${name}": ${error.responseText || error.message}`;
  }
}

/** Of what fetch throws, the cause says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
