/** Sessions whose turns run on Restate, for those who outgrow one process. */

export { type DeltaBus, type LiveEvents, localBus } from './deltaBus.ts';
export { type RemoteSendOptions, RemoteSession } from './remoteSession.ts';
export { RemoteTurn } from './remoteTurn.ts';
export {
  type DrainedServices,
  type DrainServicesOptions,
  type RestateServicesOptions,
  restateServices,
} from './restateServices.ts';
export {
  type OpenOptions,
  type RestateSessions,
  type RestateSessionsOptions,
  restateSessions,
} from './restateSessions.ts';
export { RestateError } from './sessionClient.ts';
