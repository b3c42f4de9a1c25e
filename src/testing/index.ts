/** What tests of agents and machines are made of. */

export { transcriptProblems } from '../transcript.ts';
export {
  adapterContract,
  type ContractSubject,
  type Expectation,
  type TestRunner,
} from './adapterContract.ts';
export { anthropicMessages } from './dialects/anthropicMessages.ts';
export type {
  AnswerAbout,
  AnswerFinish,
  Deviation,
  Dialect,
  ErrorAnswer,
  ErrorKind,
  SeenRequest,
  SseEvent,
  WholeAnswer,
  WholeCall,
} from './dialects/dialect.ts';
export { googleGemini } from './dialects/googleGemini.ts';
export { openaiChat } from './dialects/openaiChat.ts';
export { openaiResponses } from './dialects/openaiResponses.ts';
export { type FaultRequest, type FaultServer, type FaultServerOptions, faultServer } from './faultServer.ts';
export type { Cut, Fault, FaultAnswer, FaultCall, Wire } from './faults.ts';
export { heapInUse } from './heap.ts';
export { Random } from './random.ts';
export { type Breach, type RefoldFuzzOptions, type RefoldReport, refoldFuzz } from './refoldFuzz.ts';
export {
  type Script,
  type ScriptedAnswer,
  type ScriptedCall,
  type ScriptedModel,
  scriptedModel,
} from './scriptedModel.ts';
export { type ScriptedPort, scriptedPort } from './scriptedPort.ts';
export { SimulatedClock } from './simulatedClock.ts';
export { type StoreSubject, storeContract } from './storeContract.ts';
