import { serveElsewhere } from './support.ts';

// What is said of hosts elsewhere in this folder holds where the sessions are not of the host's process, too.
serveElsewhere();
await import('./events.test.ts');
await import('./chat.test.ts');
await import('./client.test.ts');
await import('./httpApp.test.ts');
