import { createAgent } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { sqliteStore } from '../../../src/durability/index.ts';

// Begins a turn whose model never comes to an end, says so, and stays.
const [file = '', sessionId = ''] = process.argv.slice(2);
const model = scriptedModel(['Fine.', { text: 'So far', hangs: true }]);
const session = createAgent({ model, store: sqliteStore(file) }).session({ id: sessionId });
await session.send('How are you?').outcome;
session.send('And now?');
session.on('message.delta', () => console.log('hangs'));
setInterval(() => {}, 60_000);
