// What a user does first, against the packed tarball: `.ci/run` copies this file beside a fresh install, checks its types and runs it.
import { createAgent } from 'turnchart';
import { aiSdk } from 'turnchart/adapters/ai-sdk';
import { simulated } from 'turnchart/adapters/simulated';
import { sqliteStore } from 'turnchart/durability';
import { inspector } from 'turnchart/inspector';
import { mcpTools } from 'turnchart/mcp';

const agent = createAgent({ model: simulated() });
const { text } = await agent.run('what is 2+3?');
await agent.close();
if (text.trim() === '') throw new Error('the turn ended without text');

// a session of one agent is gone on with by the next
for (const turns of [1, 2]) {
  const store = sqliteStore('sessions.db');
  const session = createAgent({ model: simulated(), store }).session({ id: 'smoke' });
  await session.send('what is 2+3?').result;
  await session.close();
  const [kept] = await store.list();
  await store.close();
  if (kept?.turns !== turns) throw new Error(`${turns} turns should be kept: ${JSON.stringify(kept)}`);
}

// a model of the AI SDK calls a tool of an MCP server; neither needs a package of its own here
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const answers = [
  [
    { type: 'tool-call', toolCallId: '1', toolName: 'greet', input: '{}' },
    { type: 'finish', finishReason: { unified: 'tool-calls', raw: 'tool_use' }, usage },
  ],
  [
    { type: 'text-delta', id: '1', delta: 'Greeted.' },
    { type: 'finish', finishReason: { unified: 'stop', raw: 'end_turn' }, usage },
  ],
];
const model = aiSdk({
  specificationVersion: 'v4',
  provider: 'smoke',
  modelId: 'smoke',
  doStream: async () => ({
    stream: new ReadableStream({
      start(controller) {
        for (const part of answers.shift() ?? []) controller.enqueue(part);
        controller.close();
      },
    }),
  }),
});
let calls = 0;
const tools = await mcpTools({
  listTools: async () => ({ tools: [{ name: 'greet', inputSchema: { type: 'object' } }] }),
  callTool: async () => {
    calls += 1;
    return { content: [{ type: 'text', text: 'Hello!' }] };
  },
});
const greeted = await createAgent({ model, tools }).run('Greet.');
if (greeted.text !== 'Greeted.' || calls !== 1) throw new Error(`the tool ran ${calls} times: ${greeted.text}`);

// the inspector has its page in the package
const inspect = inspector({ onListen: () => undefined });
const page = await fetch(await inspect.listen());
const html = await page.text();
await inspect.close();
if (page.status !== 200 || !html.includes('<script'))
  throw new Error(`the inspector has no page: ${html.slice(0, 200)}`);

// a door whose package is not there says which one it is
const doors = {
  'adapters/openai': 'npm install openai',
  'adapters/anthropic': 'npm install @anthropic-ai/sdk',
  'adapters/google': 'npm install @google/genai',
  'adapters/prices': 'npm install @pydantic/genai-prices',
  acp: "'@agentclientprotocol/sdk'",
  // or of its kin, whichever is missed first
  'durability/restate': "'@restatedev/restate-sdk",
  telemetry: "'@opentelemetry/api'",
};
for (const [door, help] of Object.entries(doors)) {
  const said = await import(`turnchart/${door}`).then(() => 'it opened', String);
  if (!said.includes(help)) throw new Error(`turnchart/${door} does not say ${help}: ${said}`);
}
