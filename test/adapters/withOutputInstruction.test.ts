import { createAgent } from 'turnchart';
import { withOutputInstruction } from 'turnchart/adapters';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { partsOf, request } from './models.ts';

describe('withOutputInstruction', () => {
  it('asks for the form in the instructions, after what they say', async () => {
    const model = scriptedModel(['{"n":1}']);
    const outputSchema = { type: 'object', properties: { n: { type: 'number' } } };
    await partsOf(withOutputInstruction(model), { ...request(), instructions: 'Be brief.', outputSchema });
    expect(model.requests[0]).not.toHaveProperty('outputSchema');
    expect(model.requests[0]?.instructions).toMatch(/^Be brief\.\n\nAnswer with nothing but JSON/);
    expect(model.requests[0]?.instructions).toContain(JSON.stringify(outputSchema));
  });

  it('leaves requests alone that ask for no form', async () => {
    const model = scriptedModel(['Hi.']);
    await partsOf(withOutputInstruction(model), { ...request(), instructions: 'Be brief.' });
    expect(model.requests).toEqual([{ ...request(), instructions: 'Be brief.' }]);
  });

  it('is the same model to everybody else', () => {
    const model = scriptedModel([], { contextWindow: 1_000 });
    const { provider, modelId } = model;
    expect(withOutputInstruction(model)).toMatchObject({ provider, modelId, contextWindow: 1_000 });
  });

  it('gives an agent its output', async () => {
    const model = scriptedModel(['{"n":1}']);
    const agent = createAgent({ model: withOutputInstruction(model), output: z.object({ n: z.number() }) });
    expect((await agent.run('How many?')).output).toEqual({ n: 1 });
    expect(model.requests[0]?.instructions).toContain('"n"');
  });
});
