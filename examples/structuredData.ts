// Data instead of prose: a tool whose input is the data, a model that has to call it, and a type that follows the schema.
// Run it: npm run example examples/structuredData.ts
import { createAgent, defineTool, type InferSchema, type Schema } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const query = z.object({
  path: z.string().describe('The directory to search'),
  recursive: z.boolean().default(false).describe('Whether to search the directories in it, too'),
});

for (const text of ['List the files in src and its subdirectories.', 'Which files are in docs?', 'Hello!']) {
  try {
    // a name that the simulated model knows; a real one takes any
    const { path, recursive } = await extract('list_files', query, text);
    console.log(`${text} -> ${path}/${recursive ? '**' : '*'}`);
  } catch (error) {
    console.log(`${text} -> ${String(error).slice(0, 60)}…`);
  }
}

/** The data in a text. What does not fit the schema goes back to the model, which then calls again. */
async function extract<S extends Schema>(name: string, schema: S, text: string): Promise<InferSchema<S>> {
  const { promise: data, resolve } = Promise.withResolvers<InferSchema<S>>();
  const tool = defineTool({ name, input: schema, execute: (input) => resolve(input) });
  const agent = createAgent({ model: simulated({ delayMs: 0 }), tools: [tool], toolChoice: { tool: name } });
  const turn = agent.session().send(text);
  const answer = turn.result.then((result) => {
    throw new Error(`There is no data in the answer: ${result.text}`);
  });
  try {
    return await Promise.race([data, answer]);
  } finally {
    // the data is all that was wanted: no second step
    turn.cancel();
  }
}
