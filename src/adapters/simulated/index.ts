export { type SimulatedOptions, simulated } from './simulated.ts';
