import { sqliteStore } from '../../../src/durability/index.ts';

// Reserves a session, says so, and stays.
const [file = '', sessionId = ''] = process.argv.slice(2);
await sqliteStore(file).lock(sessionId);
console.log('locked');
setInterval(() => {}, 60_000);
