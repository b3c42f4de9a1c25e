import { createAgent } from 'turnchart';
import { memoryStore, sqliteStore } from 'turnchart/durability';
import { scriptedModel } from 'turnchart/testing';

// Says whether node:sqlite is loaded, before and after a store needs it.
const [file = ''] = process.argv.slice(2);
await createAgent({ model: scriptedModel(['Fine.']), store: memoryStore() }).run('How are you?');
console.log(isLoaded());
await sqliteStore(file).close();
console.log(isLoaded());

function isLoaded(): boolean {
  const { moduleLoadList } = process as unknown as { readonly moduleLoadList: readonly string[] };
  return moduleLoadList.includes('NativeModule sqlite');
}
