/** The machines, for those who embed, extend or draw them. */

export type { Clock } from './clock.ts';
export {
  connectPort,
  type EffectScope,
  type EffectsPort,
  effect,
  type Settled,
  type StartedEffect,
} from './effects.ts';
export type { SessionInput, ToolCallInputEvent, TurnInputEvent } from './events.ts';
export type * from './machines/contracts.ts';
export { createHistory, type History, messagesOf } from './machines/history.ts';
export { type SessionContext, type SessionMachineInput, sessionMachine } from './machines/sessionMachine.ts';
export { type ToolCallContext, type ToolCallMachineInput, toolCallMachine } from './machines/toolCallMachine.ts';
export { type TurnContext, type TurnMachineInput, type TurnOutput, turnMachine } from './machines/turnMachine.ts';
export { userMessage } from './messages.ts';
export { type ServicesOptions, services } from './services/services.ts';
