/**
 * A package that is an optional peer, loaded when its door is opened: nobody else needs it.
 *
 * @throws Error saying what to install, where it is not there
 */
export async function loadPeer<T>(door: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new Error(`turnchart/adapters/${door} needs the package ${name}: npm install ${name}`, { cause });
  }
}
