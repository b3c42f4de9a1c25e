import { createAgent, isTerminal, type Session } from 'turnchart';
import type { Store } from 'turnchart/durability';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { textsOf, tooLarge, windowed } from '../rules/compactionSupport.ts';
import { ofType, record } from '../rules/support.ts';
import { tool } from '../rules/toolSupport.ts';
import { fragileStore } from './fragileStore.ts';

/** A model whose second turn gets too long in its middle; it does what the conversation says, whoever asks. */
function reader() {
  return windowed(
    ({ messages }) => {
      const task = messages.findLast(({ role, ...message }) => role === 'user' && !('cause' in message));
      const results = messages.slice(messages.findLastIndex((message) => message === task)).length - 1;
      const size = JSON.stringify(messages).length;
      if (textsOf({ messages } as never).at(-1) === 'too much' && size > 3_000) return { failure: tooLarge() };
      const usage = { inputTokens: Math.ceil(size / 4), outputTokens: 0 };
      if (results >= 8 || textsOf({ messages } as never).at(-1) !== 'read') return { text: 'Done.', usage };
      return { text: 'Done.', usage };
    },
    1_500,
  );
}

/** Whatever the session does until it rests. */
function idle(session: Session): Promise<unknown> {
  return new Promise((resolve) => session.on('session.idle', resolve));
}
