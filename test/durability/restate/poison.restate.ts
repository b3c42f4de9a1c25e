import { createAgent } from 'turnchart';
import { restateSessions } from 'turnchart/durability/restate';
import { scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { Child } from '../child.ts';
import { RestateServer } from './restateServer.ts';
import { TcpProxy } from './tcpProxy.ts';

describe('a turn that ends every process which goes on with it', () => {
  it('fails with no_progress after three recoveries, and the session takes the next message', {
    timeout: 300_000,
  }, async () => {
    await using server = await RestateServer.start();
    await using proxy = await TcpProxy.start();
    let child = new Child('restate/programs/poison');
    let begun = 0;
    let isOver = false;
    const serve = async () => {
      await child.says(1);
      begun += 1;
      proxy.targets = [Number(child.lines[0])];
    };
    await serve();
    await server.register(proxy.uri);
    const replacing = (async () => {
      for (;;) {
        await child.until(() => isOver);
        if (isOver) return;
        child = new Child('restate/programs/poison');
        await serve();
      }
    })();
    const agent = createAgent({ name: 'poison', model: scriptedModel([]) });
    using session = await restateSessions({ agent, ingress: server.ingress, pollMs: 50 }).open('talk');
    const outcome = await (await session.send('End.')).outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { type: 'no_progress', code: 'recovered_in_vain' } });
    expect(begun).toBe(5);
    expect((await (await session.send('And now?')).result).text).toBe('Still here.');
    expect(transcriptProblems(await session.messages())).toEqual([]);
    isOver = true;
    await child.kill();
    await replacing;
  });
});
