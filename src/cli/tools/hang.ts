import { z } from 'zod';
import { defineTool } from '../../tool.ts';

/** A demonstration: a tool that never ends by itself, but heeds its signal. Offered together with the simulated model only. */
export const hang = defineTool({
  name: 'hang',
  description: 'A demonstration tool that never ends until it is stopped. Shows how a turn is cancelled.',
  input: z.object({}),
  execute: (_input, { signal, progress }) => {
    progress('hangs until it is stopped');
    return new Promise<never>((_resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  },
});
