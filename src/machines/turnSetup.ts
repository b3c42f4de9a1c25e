/**
 * Everything the chart of a turn names, built in layers: types, actors and delays (turnBase), guards (turnGuards), then
 * the actions: of steps (stepActions), of model calls (modelActions), of tools (toolActions) and of ends (endActions).
 */
export { endActions as turnSetup } from './endActions.ts';
