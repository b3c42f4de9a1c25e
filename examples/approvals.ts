// Tools that somebody is asked about first: yes, no with a reason, and yes for the rest of the session.
// Run it: npm run example examples/approvals.ts
import { type Admission, createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const deleteFile = defineTool({
  name: 'delete_file',
  description: 'Deletes a file',
  input: z.object({ path: z.string() }),
  // `true` asks always; a function sees the input
  approval: ({ path }) => !path.startsWith('tmp/'),
  execute: ({ path }) => ({ deleted: path }),
});
// without a timeout an answer may take any time: hours, or until after a restart
const agent = createAgent({
  model: simulated({ delayMs: 0 }),
  tools: [deleteFile],
  approval: { timeoutMs: 60_000 },
});
const session = agent.session();

/** Stands for a person; an app shows a dialog, and answers when a button is pressed. */
const answers: Record<string, (toolCallId: string) => Admission> = {
  'notes.txt': (toolCallId) => session.deny(toolCallId, 'It is still needed.'),
  'draft.txt': (toolCallId) => session.approve(toolCallId),
  'old.txt': (toolCallId) => session.approve(toolCallId, { remember: 'session' }),
};
session.on('tool.approvalRequested', ({ toolCallId, toolName, input }) => {
  console.log(`  ${toolName} ${JSON.stringify(input)}?`);
  for (const [path, answer] of Object.entries(answers)) if (JSON.stringify(input).includes(path)) answer(toolCallId);
});
session.on('tool.approvalResolved', ({ decision, by }) => console.log(`  ${decision} by ${by}`));

for (const question of [
  'Delete notes.txt and draft.txt.',
  'Delete tmp/cache.txt.',
  'Delete old.txt.',
  'Delete older.txt.',
]) {
  console.log(question);
  console.log(`  ${(await session.send(question).result).text}`);
}

console.log(session.approve('call_1').reason);
