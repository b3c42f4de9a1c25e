/** Watching sessions and actors as statecharts, in a page of this process. */

export type { Inspect, InspectedSession } from '../../inspect.ts';
export type * from './feed.ts';
export { type Inspector, type InspectorOptions, inspector } from './inspector.ts';
