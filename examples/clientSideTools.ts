// Tools that run somewhere else, such as in the user's browser: the turn waits until the client answers.
// Run it: npm run example examples/clientSideTools.ts
import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

// no `execute`: the model is offered it like any other
const readFile = defineTool({
  name: 'read_file',
  description: "Reads a file on the user's device",
  input: z.object({ path: z.string() }),
});
const session = createAgent({ model: simulated({ delayMs: 0 }), tools: [readFile] }).session();
// in an app the question and the answer go over the network
session.on('tool.resultRequested', ({ toolCallId, toolName, input }) => {
  console.log(`  the client runs ${toolName} ${JSON.stringify(input)}`);
  answer(toolCallId, JSON.stringify(input));
});
session.on('tool.cancelled', ({ toolName }) => console.log(`  ${toolName} is not waited for any longer`));

for (const question of ['Read shopping.txt.', 'Read diary.txt.', 'Read novel.txt.']) {
  console.log(question);
  const { text } = await session.send(question).result;
  console.log(`  ${text.slice(0, 110).replaceAll('\n', ' ')}`);
}

/** What the client does: it runs the tool, cannot run it, or its user says something else instead. */
function answer(toolCallId: string, input: string): void {
  if (input.includes('shopping')) session.resolveTool(toolCallId, { content: 'milk, bread', bytes: 11, lines: 1 });
  else if (input.includes('diary')) session.resolveTool(toolCallId, 'The user did not open it.', { isError: true });
  else session.steer('Never mind.');
}
