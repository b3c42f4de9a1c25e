import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk';
import type { TurnEvent } from '../../events.ts';
import type { Command } from '../../host.ts';
import type { Message } from '../../messages.ts';
import type { Usage } from '../../model.ts';
import { type SessionSetup, setupOf } from '../../sessionSetup.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import type { Admission, TurnOutcome } from '../../turn.ts';

/** What the clients of a session, its inbox and its turns say to one another: all of it is JSON. */

/** A command on its way to a session. */
export interface Given {
  readonly command: Command;
  /** Only if this turn runs. */
  readonly aimedAt?: string;
  /** The awakeable that waits for the admission. */
  readonly replyTo?: string;
}

/** What an invocation begins with: the rest comes as signals, which are counted on from these. */
export interface Begin {
  readonly commands: readonly Given[];
}

/** The signal that brings the command with that number, from 0. */
export function commandSignal(number: number): string {
  return `command.${number}`;
}

/** An invocation says that it has come to its end. */
export interface Left {
  readonly invocation: string;
  /** How many commands it has taken. */
  readonly taken: number;
  /** Whether turns wait that another invocation is to begin. */
  readonly hasMore: boolean;
}

/** An invocation that came to no end of its own. */
export interface Broken {
  readonly invocation: string;
  readonly reason: string;
}

export interface After {
  /** The `seq` of the last event that is known. */
  readonly after: number;
}

/** What a session has said. */
export interface Said {
  /** Durable events, in order. */
  readonly events: readonly TurnEvent[];
  /** How the turns ended that ended with them, by id. */
  readonly outcomes: Readonly<Record<string, TurnOutcome<unknown>>>;
}

/** What a session is at. */
export interface Seen {
  /** Of the last durable event. */
  readonly seq: number;
  /** Of the turns that have ended. */
  readonly messages: readonly Message[];
  readonly usage: Usage;
  readonly snapshot: SessionSnapshot;
  /** Those that run and wait. */
  readonly turns: readonly { readonly id: string }[];
}

/** A session as it is kept. */
export interface Kept extends Seen {
  /** Whether anything is. */
  readonly isThere: boolean;
  /** Of one that was made before it was spoken to: no other has it, also not a later one of the same id. */
  readonly birth?: string;
  /** How far its last invocation has come. */
  readonly progress?: Progress;
}

/** How far an invocation has come. */
export interface Progress {
  readonly invocation: string;
  /** How many of its commands are in the rows. */
  readonly taken: number;
}

/** Handlers of the object that runs turns. */
export type SessionHandlers = {
  create(ctx: ObjectContext): Promise<boolean>;
  run(ctx: ObjectContext, begin: Begin): Promise<void>;
  rescue(ctx: ObjectContext, broken: Broken): Promise<void>;
  erase(ctx: ObjectContext): Promise<void>;
  events(ctx: ObjectSharedContext, after: After): Promise<Said>;
  look(ctx: ObjectSharedContext): Promise<Kept>;
};

/** Handlers of the object that takes commands. */
export type InboxHandlers = {
  give(ctx: ObjectContext, given: Given): Promise<void>;
  ask(ctx: ObjectSharedContext, given: Given): Promise<Admission>;
  look(ctx: ObjectSharedContext): Promise<Kept>;
  leave(ctx: ObjectContext, left: Left): Promise<void>;
  watch(ctx: ObjectSharedContext, invocation: string): Promise<void>;
};

/** Both are virtual objects, with the session's id as their key. */
export function serviceNames(agent: string): { readonly session: { name: string }; readonly inbox: { name: string } } {
  if (!/^[a-zA-Z][\w-]*$/.test(agent)) {
    throw new TypeError(
      `The name of agent "${agent}" becomes the name of a service on Restate: give it one of letters, digits, "_" and "-".`,
    );
  }
  return { session: { name: `${agent}.session` }, inbox: { name: `${agent}.inbox` } };
}

/** @throws TypeError naming who was given what is no agent */
export function setupFor(where: string, agent: object): SessionSetup {
  const setup = setupOf(agent);
  if (setup === undefined) throw new TypeError(`${where}: \`agent\` is no agent: make it with createAgent().`);
  return setup;
}
