import { memoryStore, type Store, type StoreChange } from 'turnchart/durability';

/** A store whose process can end at any moment: what a later process finds is made of the changes before. */
export function fragileStore() {
  const inner = memoryStore();
  const writes: (readonly StoreChange[])[] = [];
  const changes: StoreChange[] = [];
  const store: Store = {
    ...bound(inner),
    write(added) {
      writes.push(added);
      changes.push(...structuredClone(added));
      return inner.write(added);
    },
  };
  const until = async (count: number): Promise<Store> => {
    const found = memoryStore();
    await found.write(changes.slice(0, count));
    return found;
  };
  return { store, writes, changes, until };
}

/** A store whose methods can be replaced one by one. */
export function bound(store: Store): Store {
  const { lock, read, write, list, journal, trim, delete: remove, close } = store;
  return Object.fromEntries(
    Object.entries({ lock, read, write, list, journal, trim, delete: remove, close }).map(([name, method]) => [
      name,
      (method as (...args: unknown[]) => unknown).bind(store),
    ]),
  ) as unknown as Store;
}
