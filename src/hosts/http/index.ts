/** Sessions over HTTP: requests with JSON, events as they come. Clients are in `turnchart/http/client`. */

export { type Drained, type DrainOptions, type HttpApp, type HttpAppOptions, httpApp } from './httpApp.ts';
export type { HttpLimits } from './limits.ts';
export type * from './protocol.ts';
export type { LocalSession, Seen, ServedAgent, SessionElsewhere, SessionsElsewhere } from './servedAgent.ts';
