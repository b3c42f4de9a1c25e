import { createAgent, type Model } from 'turnchart';
import type { HttpSubject } from '../httpSubjects.ts';
import { addTool } from '../subjects.ts';

/** Our turns with that model. */
export function agentOf(model: Model): HttpSubject {
  const agent = createAgent({ model, tools: [addTool], limits: { maxSteps: 20, maxParallelTools: 16 } });
  return (text, onText) =>
    agent.run(text, {
      onEvent: (event) => {
        if (event.type === 'message.delta') onText(event.text);
      },
    });
}
