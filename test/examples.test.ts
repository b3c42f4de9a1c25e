import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const examples = fileURLToPath(new URL('examples/', root));
const files = readdirSync(examples, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => relative(examples, join(parentPath, name)).replaceAll('\\', '/'))
  .filter((file) => file !== 'README.md');
const alone = files.filter((file) => !file.includes('/'));
/** All but the one in the README, which says it. */
const explained = alone.filter((file) => file !== 'quickstart.ts');
const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/', 1)[0]));

async function run(file: string): Promise<string> {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env;
  const running = promisify(execFile)(process.execPath, ['--conditions=turnchart-source', `examples/${file}`], {
    cwd: root,
    env,
    timeout: 30_000,
  });
  running.child.stdin?.end();
  const { stdout, stderr } = await running;
  expect(stderr).toBe('');
  return stdout;
}

/** What each example says, so that one that runs but does something else is noticed. */
const says: Record<string, RegExp> = {
  'quickstart.ts': /17\*23 = 391/,
  'embedTurn.ts': /state: {"working":"callingModel"}\nanswer: final_answer\nstate: "done"\nended: completed \S/,
  'embedInYourMachine.ts': /Hello! -> answered \S[\s\S]*Please simulate an outage\. -> waitingForPerson/,
  'oneShot.ts': lines(
    /17\*23 = 391\./,
    /2 steps, 1 tool call, \d+ tokens in, \d+ out/,
    /The model failed \(provider_unavailable\): Simulated outage: .+/,
    /No answer within 1 step: The model still asks for tools .+/,
    /Cancelled: The operation was aborted due to timeout/,
  ),
  'chatLoop.ts': lines(
    /> what is 17\*23\?/,
    /17\*23 = 391\./,
    /> simulate a cut stream, then what is 6\*7\?/,
    /This answer is about to break off in the middle of a… \(once more\)/,
    /6\*7 = 42\./,
    /> simulate an outage/,
    /\(failed: Simulated outage: the model is not available\.\)/,
    /10 messages, \d+ tokens said/,
  ),
  'steering.ts': lines(
    /step 1/,
    / {2}calls calculate {"expression":"17\*23"}/,
    /step 2/,
    / {2}reads what was said meanwhile/,
    / {2}calls calculate {"expression":"6\*7"}/,
    /step 3/,
    /answer: 17\*23 = 391\. 6\*7 = 42\./,
  ),
  'cancel.ts': lines(
    /by a signal: The operation was aborted due to timeout/,
    /by turn\.cancel: That will do\./,
    / {2}user: Simulate an endless answer\./,
    / {2}assistant: This .*/,
    /tool stopped: hang { started: true }/,
    /by session\.cancel: cancelled cancelled/,
    /and the session goes on: I am a simulated model: /,
  ),
  'retryAndFallback.ts': lines(
    /attempt 1 of 4 failed \(stream_truncated\), the next in 0 ms/,
    /attempt 2 of 4 failed \(rate_limit_exceeded\), the next in 20 ms/,
    /attempt 3 of 4 failed \(provider_unavailable\), the next in 40 ms/,
    /completed all the same/,
    /I am a simulated model: … \(calls of always-down so far: 1, breaker closed\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
  ),
  'structuredData.ts': lines(
    /List the files in src and its subdirectories\. -> src\/\*\*/,
    /Which files are in docs\? -> docs\/\*/,
    /Hello! -> Error: There is no data in the answer: I am .+/,
  ),
  'approvals.ts': lines(
    /Delete notes\.txt and draft\.txt\./,
    / {2}delete_file {"path":"notes\.txt"}\?/,
    / {2}delete_file {"path":"draft\.txt"}\?/,
    / {2}denied by user/,
    / {2}approved by user/,
    / {2}I could not delete notes\.txt: .+ Reason: It is still needed\. draft\.txt is deleted\./,
    /Delete tmp\/cache\.txt\./,
    / {2}tmp\/cache\.txt is deleted\./,
    /Delete old\.txt\./,
    / {2}delete_file {"path":"old\.txt"}\?/,
    / {2}approved by user/,
    / {2}old\.txt is deleted\./,
    /Delete older\.txt\./,
    / {2}older\.txt is deleted\./,
    /There is no tool call "call_1" in the running turn\./,
  ),
  'clientSideTools.ts': lines(
    /Read shopping\.txt\./,
    / {2}the client runs read_file {"path":"shopping\.txt"}/,
    / {2}shopping\.txt \(11 bytes\): milk, bread/,
    /Read diary\.txt\./,
    / {2}the client runs read_file {"path":"diary\.txt"}/,
    / {2}I could not read diary\.txt: The user did not open it\./,
    /Read novel\.txt\./,
    / {2}the client runs read_file {"path":"novel\.txt"}/,
    / {2}read_file is not waited for any longer/,
    / {2}I could not read novel\.txt: the result of this call was not waited for any longer\. It may still come about\./,
  ),
  'guardrails.ts': lines(
    /My card is 1234 5678 9012 3456\./,
    / {2}input, noCardNumbers: denied\. There is a card number in it\./,
    / {2}GuardrailError: The guardrail "noCardNumbers" did not let the message through: There is a card number in it\./,
    /I am ada@example\.com, what is 17\*23\?/,
    / {2}input, no mail addresses: rewritten\. Addresses stay here\./,
    / {2}the model reads: I am \(address\), what is 17\*23\?/,
    / {2}17\*23 = 391\./,
    /What is 1234\*2\?/,
    / {2}tool, smallNumbersOnly: denied\. Three digits at most\./,
    / {2}I could not work out 1234\*2: the guardrail "smallNumbersOnly" did not let this call through\. .+/,
    /Hello!/,
    / {2}output, names other products: logged\. It names openai\./,
    / {2}I am a simulated model: .+/,
  ),
  'structuredOutput.ts': lines(
    /An urgent order of 3 green "Lamps"\./,
    / {2}3 × green lamps, urgent/,
    /Simulate an invalid answer, then an order of 2 red "Chairs"\./,
    / {2}rejected: The answer must be JSON that is valid against this JSON Schema, and nothing else: .* \(0 left\)/,
    / {2}2 × red chairs/,
    /500 blue "Tables"\./,
    / {2}rejected: Nobody orders more than 100: read the quantity again\. \(0 left\)/,
    / {2}rejected: Nobody orders more than 100: read the quantity again\. \(0 left\)/,
    / {2}InvalidOutputError: The answer does not have the form that was asked for, .+/,
    /37/,
  ),
  'subAgents.ts': lines(
    /secretary: ask_mathematician {"prompt":"what is 17\*23\?"}/,
    / {2}mathematician: calculate {"expression":"17\*23"}/,
    / {2}mathematician: 17\*23 = 391\./,
    /secretary: The agent says: 17\*23 = 391\./,
    /2 steps of its own, \d{3} tokens of both together/,
    /secretary: ask_mathematician {"prompt":"simulate an overflow\."}/,
    /secretary: I could not get an answer of the agent: .+ Simulated overflow: .+/,
  ),
  'compaction.ts': lines(
    /more than the window holds/,
    / {2}threshold: 8 messages are left out, shorter than before/,
    / {2}the model is shown 4 of 12 messages:/,
    / {4}Day 1\. Hello!/,
    / {4}Summary of the conversation so far, whose messages are left out.*/,
    / {4}I am a simulated model: .+/,
    / {4}Day 6\. Hello!/,
    /more than the provider takes, whatever it says of its window/,
    / {2}overflow: 4 messages are left out, shorter than before/,
    / {2}That was the overflow\./,
    /by hand/,
    / {2}accepted: true/,
    / {2}manual: 3 messages are left out, shorter than before/,
    / {2}accepted: false, nothing is left to shorten/,
  ),
  'pauses.ts': lines(
    /out of steps/,
    / {2}paused: max_steps, 1 of 1\. The turn is awaitingExtension/,
    / {2}goes on: true/,
    / {2}17\*23 = 391\. \(2 steps\)/,
    /more spent than was thought/,
    / {2}paused: soft_cost, 0\.02 of 0\.01\. The turn is awaitingResume/,
    / {2}goes on: true/,
    / {2}17\*23 = 391\. \(cost 0\.04\)/,
    /no tools in the last step/,
    / {2}I could not work out 17\*23: no tool `calculate` is offered to me\./,
    /Session ".+" has no turn that waits\./,
  ),
  'httpServer.ts': lines(
    /POST \/v1\/sessions 201 {/,
    /[\s\S]+\n}/,
    /POST \/v1\/sessions\/trip\/messages 202/,
    /GET \/v1\/sessions\/trip\/events 200 text\/event-stream/,
    /event: turn\.started\n(event: .+\n)+event: turn\.completed\nevent: session\.idle/,
    /401 {/,
    /[\s\S]+ {2}code: 'unauthorized'\n}/,
  ),
  'httpWait.ts': lines(
    /What is 17\*23\?/,
    / {2}17\*23 = 391\./,
    /Simulate an overflow\./,
    / {2}\(failed: {"type":"request_too_large","message":".+"}\)/,
    /What is 6\*7\?/,
    / {2}6\*7 = 42\./,
  ),
  'httpCancel.ts': lines(
    /Simulate an endless answer\./,
    / {2}cancelled: That takes too long\./,
    / {2}user: I cancelled the work on this\. Reason: That takes too long\./,
    / {2}assistant: I stopped\. .+/,
    /Hello!/,
    / {2}completed: I am a simulated model: /,
    /nothing to cancel: { status: 'no_op' }/,
  ),
  'acp.ts': lines(
    /Notes/,
    /Delete a note \(delete\): pending/,
    /Delete a note\? Allow · Always allow in this session · Reject/,
    / {2}in_progress/,
    / {2}completed/,
    /end_turn/,
    /provider_unavailable true/,
  ),
  'httpSendAgain.ts': lines(
    /Hello!/,
    / {2}failed: overloaded/,
    / {2}failed: overloaded/,
    / {2}I am a simulated model: /,
    /Simulate an outage\./,
    / {2}failed: provider_unavailable/,
    / {2}failed: provider_unavailable/,
    / {2}failed: provider_unavailable/,
    / {2}\(given up\)/,
  ),
  'honoServer.ts':
    /^event: turn\.started\n(event: .+\n)+event: turn\.completed\n400 {\n[\s\S]+}\nthe client left, .+ got turn\.completed\n$/,
};

describe('the examples', { timeout: 60_000 }, () => {
  it.each(alone)('%s does what it says', async (file) => {
    expect(await run(file)).toMatch(says[file] ?? /a test of what this example says/);
  });

  it.each([...folders])('%s/ has a test of its own', (folder) => {
    expect(existsSync(new URL(`test/examples/${folder}.test.tsx`, root))).toBe(true);
  });

  it('their table lists every file, and no other', () => {
    const listed = [...read('examples/README.md').matchAll(/^\| \[(.+?)\]\((.+?)\) \|/gm)];
    expect(listed.map(([, name]) => name).toSorted()).toEqual(files.toSorted());
    expect(listed.filter(([, name, target]) => name !== target)).toEqual([]);
  });

  it.each(explained)('%s says first what it shows, and how to run it', (file) => {
    const [what, how, code] = read(`examples/${file}`).split('\n');
    expect(what).toMatch(/^\/\/ \S/);
    expect(how?.startsWith(`// Run it: npm run example examples/${file}`)).toBe(true);
    expect(code).toMatch(/^import /);
  });

  it('the one in the README is examples/quickstart.ts, word for word', () => {
    const [, block] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
    expect(block).toBe(read('examples/quickstart.ts'));
  });
});

/** A text of exactly these lines. */
function lines(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(`^${patterns.map(({ source }) => `${source}\\n`).join('')}$`);
}
