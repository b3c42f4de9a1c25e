// An agent for editors, which ask the user before a file is changed and show what changes.
// Run it: npm run example examples/acp.ts    (it plays the editor itself, and ends; an editor starts it with --editor)
import { client, methods } from '@agentclientprotocol/sdk';
import { createAgent, defineTool } from 'turnchart';
import { type AcpOptions, serveAcp } from 'turnchart/acp';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const options: AcpOptions = {
  info: { name: 'notes', title: 'Notes', version: '1.0.0' },
  // one agent for each session: it knows the folder, and has the tools of the editor's MCP servers
  agent: ({ cwd, mcpTools }) =>
    createAgent({
      model: simulated({ delayMs: 0 }),
      instructions: `The user works in ${cwd}.`,
      tools: [
        defineTool({
          name: 'delete_file',
          description: 'Deletes a note',
          input: z.object({ path: z.string() }),
          approval: true,
          execute: ({ path }) => `${path} is deleted.`, // or so it says
        }),
        ...mcpTools,
      ],
    }),
  // what the tool's name does not say by itself
  describeTool: ({ toolName }) => (toolName === 'delete_file' ? { title: 'Delete a note' } : undefined),
};

if (process.argv.includes('--editor')) {
  serveAcp(options); // over standard input and output
} else {
  const there = new TransformStream();
  const back = new TransformStream();
  await using _connection = serveAcp({ ...options, stream: { readable: there.readable, writable: back.writable } });

  const editor = client()
    .onRequest(methods.client.session.requestPermission, ({ params: { toolCall, options } }) => {
      console.log(`${toolCall.title}? ${options.map(({ name }) => name).join(' · ')}`);
      return { outcome: { outcome: 'selected', optionId: 'allow_once' } };
    })
    .onNotification(methods.client.session.update, ({ params: { update } }) => {
      if (update.sessionUpdate === 'tool_call') console.log(`${update.title} (${update.kind}): ${update.status}`);
      if (update.sessionUpdate === 'tool_call_update') console.log(`  ${update.status}`);
    });
  await editor.connectWith({ readable: back.readable, writable: there.writable }, async (agent) => {
    const { agentInfo } = await agent.request(methods.agent.initialize, { protocolVersion: 1 });
    console.log(agentInfo?.title);
    const { sessionId } = await agent.request(methods.agent.session.new, { cwd: '/home/ada/notes', mcpServers: [] });
    const ask = (text: string) =>
      agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: 'text', text }] });
    console.log((await ask('delete old.md')).stopReason);
    await ask('simulate an outage').catch(({ data }) => console.log(data.type, data.retryable));
  });
}
