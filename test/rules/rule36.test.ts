import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

describe('36. An unknown tool name becomes an error result that lists the known names.', () => {
  it('answers the call with an error that names the unknown tool and all known ones', async () => {
    const talk = converse([{ calls: [{ name: 'wether' }] }, 'done'], { tools: [tool('weather'), tool('search')] });
    const outcome = await talk.say('go');
    const [result] = talk.results();
    expect(result).toMatchObject({ toolCallId: 'call_1', toolName: 'wether', output: { type: 'error' } });
    for (const name of ['wether', 'weather', 'search']) expect(result?.output.value).toContain(name);
    expect(talk.of('tool.failed')).toMatchObject([
      { toolCallId: 'call_1', toolName: 'wether', failure: { type: 'tool', code: 'unknown_tool' } },
    ]);
    expect(talk.of('tool.started')).toEqual([]);
    expect(outcome).toMatchObject({ status: 'completed', steps: 2 });
  });

  it('says so where there are no tools at all', async () => {
    const talk = converse([{ calls: [{ name: 'weather' }] }, 'done']);
    await talk.say('go');
    expect(talk.results()[0]?.output).toEqual({ type: 'error', value: expect.stringMatching(/weather.*no tools/is) });
  });

  it('names the unknown tool also where the input cannot be read', async () => {
    const talk = converse([{ calls: [{ name: 'wether', rawInput: '{"a":' }] }, 'done'], { tools: [tool('weather')] });
    await talk.say('go');
    expect(talk.of('tool.failed')).toMatchObject([{ failure: { code: 'unknown_tool' } }]);
    expect(talk.results()[0]?.output.value).toContain('weather');
  });

  it('runs the siblings, and keeps the order of the calls in the results', async () => {
    const talk = converse([{ calls: [{ name: 'a' }, { name: 'constructor' }, { name: 'b' }] }, 'done'], {
      tools: [tool('a'), tool('b')],
    });
    await talk.say('go');
    expect(talk.results().map(({ toolName, output }) => [toolName, output.type])).toEqual([
      ['a', 'text'],
      ['constructor', 'error'],
      ['b', 'text'],
    ]);
  });

  it('asks for the exact name: case counts', async () => {
    const talk = converse([{ calls: [{ name: 'Weather' }, { name: '' }] }, 'done'], { tools: [tool('weather')] });
    await talk.say('go');
    expect(talk.of('tool.failed').map(({ failure }) => failure.code)).toEqual(['unknown_tool', 'unknown_tool']);
  });
});
