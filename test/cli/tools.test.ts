import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { simulated } from '../../src/adapters/simulated/index.ts';
import { commandLineTools } from '../../src/cli/tools/commandLineTools.ts';
import { ConfinedDirectory } from '../../src/cli/tools/directory.ts';
import { listFiles } from '../../src/cli/tools/listFiles.ts';
import { readFile } from '../../src/cli/tools/readFile.ts';
import { createAgent } from '../../src/index.ts';
import { toJsonSchema, validate } from '../../src/schema.ts';
import type { AnyTool, ToolRun } from '../../src/tool.ts';

let place: string;
let root: string;
let tools: readonly AnyTool[];

beforeAll(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'turnchart-tools-')));
  root = join(place, 'root');
  mkdirSync(join(root, 'folder/deep'), { recursive: true });
  mkdirSync(join(root, 'node_modules/package'), { recursive: true });
  mkdirSync(join(root, '.git'));
  writeFileSync(join(place, 'secret.txt'), 'secret');
  mkdirSync(join(place, 'root-beside'));
  writeFileSync(join(place, 'root-beside/secret.txt'), 'secret');
  writeFileSync(join(root, 'notes.txt'), 'one\ntwo\nthree\n');
  writeFileSync(join(root, 'open-end.txt'), 'one\ntwo');
  writeFileSync(join(root, 'empty.txt'), '');
  writeFileSync(join(root, '..hidden'), 'not a way out');
  writeFileSync(join(root, 'folder/inner.txt'), 'inner');
  writeFileSync(join(root, 'folder/deep/deepest.txt'), 'deepest');
  writeFileSync(join(root, 'node_modules/package/index.js'), '');
  writeFileSync(join(root, '.git/HEAD'), '');
  symlinkSync(join(place, 'secret.txt'), join(root, 'link.txt'));
  symlinkSync('notes.txt', join(root, 'link-inside.txt'));
  symlinkSync(place, join(root, 'link-folder'));
  symlinkSync('folder', join(root, 'link-to-folder'));
  symlinkSync('nowhere', join(root, 'link-to-nothing'));
  symlinkSync(root, join(place, 'link-to-root'));
  tools = commandLineTools({ root, localModel: simulated() });
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

/** Calls a tool as the engine does: input through the schema, then `execute`. */
async function call(
  tool: AnyTool | undefined,
  input: unknown,
  signal = new AbortController().signal,
): Promise<unknown> {
  if (tool === undefined) throw new Error('there is no such tool');
  const validation = await validate(tool.input, input);
  if (!validation.valid) throw new Error(validation.reason);
  const run: ToolRun = {
    context: undefined,
    sessionId: 'session',
    turnId: 'turn',
    step: 1,
    messages: [],
    signal,
    toolCallId: 'call',
    idempotencyKey: 'key',
    progress: () => undefined,
  };
  const execute = tool.execute as (input: unknown, run: ToolRun) => unknown;
  return execute(validation.value, run);
}

function named(name: string): AnyTool | undefined {
  return tools.find((tool) => tool.name === name);
}

const calculate = (expression: string) => call(named('calculate'), { expression });
const list = (input: object = {}) => call(named('list_files'), input);
const read = (path: string) => call(named('read_file'), { path });

describe('the tools of the command line', () => {
  test('describe their inputs as JSON Schema', () => {
    expect(tools.map(({ name }) => name)).toEqual([
      'calculate',
      'list_files',
      'read_file',
      'delete_file',
      'hang',
      'ask_agent',
    ]);
    for (const tool of tools) expect(toJsonSchema(tool.input)).toMatchObject({ type: 'object' });
  });

  test('read no hidden file where what they read goes to a provider', async () => {
    const sent = commandLineTools({ root }).find(({ name }) => name === 'read_file');
    for (const path of ['.git/HEAD', '..hidden', './..hidden']) {
      await expect(call(sent, { path })).rejects.toThrow(/is hidden: such files often hold keys/);
    }
    expect(await call(named('read_file'), { path: '.git/HEAD' })).toMatchObject({ bytes: 0 });
  });

  test('offer demonstrations only to a model on this machine', () => {
    const names = commandLineTools({ root }).map(({ name }) => name);
    expect(names).toEqual(['calculate', 'list_files', 'read_file', 'delete_file']);
  });

  test('refuse a directory that does not exist at once', () => {
    expect(() => commandLineTools({ root: join(place, 'nowhere') })).toThrow('ENOENT');
  });
});

describe('calculate', () => {
  test.each([
    ['17*23', 391],
    ['(2+3)*4', 20],
    ['12.5 / 4', 3.125],
    ['2 + 3 * 4', 14],
    ['10 - 4 - 3', 3],
    ['100 / 10 / 2', 5],
    ['2 ^ 3 ^ 2', 512],
    ['2**10', 1024],
    ['-2^2', -4],
    ['2^-1', 0.5],
    ['(-2)^2', 4],
    ['--5', 5],
    ['3 - -2', 5],
    ['+4', 4],
    ['17 % 5', 2],
    ['-17 % 5', -2],
    ['.5 + .25', 0.75],
    ['0.1 + 0.2', 0.3],
    ['1.1 * 3', 3.3],
    ['1e3 + 1', 1001],
    ['0 * -1', 0],
    [' ( ( 1 ) ) ', 1],
  ])('gives for %j %d', async (expression, result) => {
    expect(await calculate(expression)).toEqual({ expression, result });
  });

  test('says where a result is rounded', async () => {
    expect(await calculate('2^60 + 1')).toMatchObject({ approximate: true });
  });

  test.each([
    ['', /empty/],
    ['   ', /empty/],
    ['2 +', /ends too early/],
    ['(2 + 3', /parenthesis at 1 is not closed/],
    ['2 + 3)', /"\)" at 6/],
    ['2 3', /"3" at 3/],
    ['2(3)', /"\(" at 2/],
    ['* 2', /missing before "\*" at 1/],
    ['()', /missing before "\)"/],
    ['1.2.3', /"\.3" at 4/],
    ['5.', /"\." at 2/],
    ['1 / 0', /Division by zero/],
    ['1 % 0', /Division by zero/],
    ['1 / (2 - 2)', /Division by zero/],
    ['0 ^ -1', /Division by zero/],
    ['(-8) ^ 0.5', /negative number/],
    ['10 ^ 400', /too large/],
    ['9e999', /too large/],
    ['process.exit()', /"p" at 1 is no arithmetic/],
    ['2; 3', /";" at 2/],
    ['0x10', /"x" at 2/],
    ['１+１', /no arithmetic/],
    ['constructor', /no arithmetic/],
  ])('refuses %j', async (expression, reason) => {
    await expect(calculate(expression)).rejects.toThrow(reason);
  });

  test('refuses what is too long, and reads what is just as deep as it is long', async () => {
    await expect(calculate('1+'.repeat(200))).rejects.toThrow(/200/);
    expect(await calculate(`${'('.repeat(99)}1${')'.repeat(99)}`)).toMatchObject({ result: 1 });
    await expect(calculate('('.repeat(200))).rejects.toThrow(/too early/);
  });
});

describe('list_files', () => {
  test('lists one directory, sorted, and counts', async () => {
    expect(await list()).toEqual({
      path: '.',
      files: ['..hidden', 'empty.txt', 'notes.txt', 'open-end.txt'],
      directories: ['.git', 'folder', 'node_modules'],
      count: 4,
      directoryCount: 3,
      skipped: ['link-folder', 'link-inside.txt', 'link-to-folder', 'link-to-nothing', 'link.txt'].map((name) => {
        return `${name} (symbolic link)`;
      }),
    });
  });

  test('lists what lies deeper, but opens neither node_modules nor .git, and says so', async () => {
    expect(await list({ recursive: true })).toMatchObject({
      files: ['..hidden', 'empty.txt', 'folder/deep/deepest.txt', 'folder/inner.txt', 'notes.txt', 'open-end.txt'],
      directories: ['.git', 'folder', 'folder/deep', 'node_modules'],
      count: 6,
      skipped: expect.arrayContaining([
        '.git (not opened)',
        'node_modules (not opened)',
        'link-folder (symbolic link)',
      ]),
    });
  });

  test('lists a directory by its path', async () => {
    for (const path of ['folder', './folder/', 'folder/.', join(root, 'folder')]) {
      expect(await list({ path })).toMatchObject({ path, files: ['inner.txt'], directories: ['deep'], count: 1 });
    }
  });

  test('cuts a long list, what lies near the top first, and says so', async () => {
    const directory = new ConfinedDirectory(root, { opensHidden: true });
    const few = await call(listFiles(directory, { maxEntries: 5 }), { recursive: true });
    expect(few).toMatchObject({ files: ['..hidden', 'empty.txt'], count: 2, truncated: true });
    const short = await call(listFiles(directory, { maxChars: 20 }), {});
    expect(short).toMatchObject({ directories: ['.git'], count: 1, truncated: true });
    const exact = await call(listFiles(directory, { maxEntries: 7 }), {});
    expect(exact).not.toHaveProperty('truncated');
  });

  test.each([
    ['..', /leads out/],
    ['../root-beside', /leads out/],
    ['folder/..', /leads out/],
    ['/', /leads out/],
    ['link-folder', /symbolic link/],
    ['link-to-folder/deep', /symbolic link/],
    ['nowhere', /does not exist/],
    ['notes.txt', /is a file/],
    ['', /no path/],
    ['a\0b', /no path/],
  ])('refuses %j', async (path, reason) => {
    await expect(list({ path })).rejects.toThrow(reason);
  });
});

describe('read_file', () => {
  test('reads a text with its size', async () => {
    expect(await read('notes.txt')).toEqual({ path: 'notes.txt', content: 'one\ntwo\nthree\n', bytes: 14, lines: 3 });
    expect(await read('open-end.txt')).toMatchObject({ lines: 2 });
    expect(await read('empty.txt')).toEqual({ path: 'empty.txt', content: '', bytes: 0, lines: 0 });
    for (const path of ['..hidden', join(root, '..hidden')]) {
      expect(await read(path)).toMatchObject({ content: 'not a way out' });
    }
    expect(await read(join(root, 'folder/inner.txt'))).toMatchObject({ content: 'inner' });
  });

  test('counts an absolute path from the root by each of its names', async () => {
    const linked = new ConfinedDirectory(join(place, 'link-to-root'), { opensHidden: true });
    for (const path of [join(place, 'link-to-root/notes.txt'), join(root, 'notes.txt'), 'notes.txt']) {
      expect(await call(readFile(linked), { path })).toMatchObject({ lines: 3 });
    }
  });

  test.each([
    ['../secret.txt', /leads out/],
    ['folder/../notes.txt', /leads out/],
    ['folder/../../secret.txt', /leads out/],
    ['link.txt', /symbolic link/],
    ['link-inside.txt', /symbolic link/],
    ['link-to-nothing', /symbolic link/],
    ['link-folder/secret.txt', /symbolic link/],
    ['link-folder/root/notes.txt', /symbolic link/],
    ['link-to-folder/inner.txt', /symbolic link/],
    ['notes.txt/inner', /does not exist/],
    ['nowhere.txt', /does not exist/],
    ['folder', /is a directory/],
    ['.', /is a directory/],
    ['', /no path/],
    ['x'.repeat(300), /too long|does not exist/],
  ])('refuses %j', async (path, reason) => {
    await expect(read(path)).rejects.toThrow(reason);
  });

  test('refuses absolute paths outside, also those that begin like the root', async () => {
    for (const path of [
      join(place, 'secret.txt'),
      `${root}-beside/secret.txt`,
      `${root}/../secret.txt`,
      '/etc/passwd',
    ]) {
      await expect(read(path)).rejects.toThrow(/leads out/);
    }
    await expect(read(relative(process.cwd(), join(place, 'secret.txt')))).rejects.toThrow(/leads out/);
  });

  test('gives the beginning of a large file, and says that it is one', async () => {
    writeFileSync(join(root, 'folder/large.txt'), 'äöü\n'.repeat(20_000));
    const large = (await read('folder/large.txt')) as { content: string };
    expect(large).toMatchObject({ bytes: 140_000, lines: 20_000, truncated: true });
    // 32,768 bytes end in the middle of a letter
    expect(Buffer.byteLength(large.content)).toBe(32_767);
    const small = readFile(new ConfinedDirectory(root, { opensHidden: true }), { maxBytes: 7, maxCountedBytes: 100 });
    expect(await call(small, { path: 'folder/large.txt' })).toEqual({
      path: 'folder/large.txt',
      content: 'äöü\n',
      bytes: 140_000,
      truncated: true,
    });
    rmSync(join(root, 'folder/large.txt'));
  });

  test('refuses what is no text', async () => {
    writeFileSync(join(root, 'folder/zero.bin'), Buffer.from([104, 0, 105]));
    writeFileSync(join(root, 'folder/latin.txt'), Buffer.from([104, 0xe4, 105]));
    for (const path of ['folder/zero.bin', 'folder/latin.txt'])
      await expect(read(path)).rejects.toThrow(/not a text file/);
    rmSync(join(root, 'folder/zero.bin'));
    rmSync(join(root, 'folder/latin.txt'));
  });

  test('refuses a named pipe without waiting for its writer', async () => {
    execFileSync('mkfifo', [join(root, 'folder/pipe')]);
    await expect(read('folder/pipe')).rejects.toThrow(/not a regular file/);
    expect(await list({ path: 'folder' })).toMatchObject({ skipped: ['pipe (not a regular file)'] });
    rmSync(join(root, 'folder/pipe'));
  });
});

describe('delete_file', () => {
  const remove = (input: unknown, from = tools) =>
    call(
      from.find(({ name }) => name === 'delete_file'),
      input,
    );

  test('asks first, and deletes a file', async () => {
    const file = join(root, 'folder/old.txt');
    writeFileSync(file, 'old');
    expect(tools.find(({ name }) => name === 'delete_file')).toMatchObject({ approval: true });
    expect(await remove({ path: 'folder/old.txt' })).toEqual({ path: 'folder/old.txt', deleted: true });
    expect(existsSync(file)).toBe(false);
  });

  test.each([
    ['../secret.txt', /leads out of the directory/],
    ['folder/../../secret.txt', /leads out of the directory/],
    ['link.txt', /symbolic link/],
    ['link-inside.txt', /symbolic link/],
    ['link-to-folder/inner.txt', /symbolic link/],
    ['folder', /is a directory/],
    ['nothing.txt', /does not exist/],
  ])('refuses %s', async (path, why) => {
    await expect(remove({ path })).rejects.toThrow(why);
    expect(existsSync(join(place, 'secret.txt'))).toBe(true);
    expect(existsSync(join(root, 'folder/inner.txt'))).toBe(true);
    expect(existsSync(join(root, 'notes.txt'))).toBe(true);
  });

  test('touches hidden files only for a model on this machine', async () => {
    writeFileSync(join(root, '.env'), 'KEY=1');
    await expect(remove({ path: '.env' }, commandLineTools({ root }))).rejects.toThrow(/hidden/);
    expect(await remove({ path: '.env' })).toMatchObject({ deleted: true });
  });
});

describe('ask_agent', () => {
  test('has an agent with the other tools answer', async () => {
    const session = createAgent({ model: simulated({ delayMs: 0 }), tools }).session();
    const asked = new Set<string>();
    session.on('agent.event', ({ event }) => {
      if (event.type === 'tool.called') asked.add(`${event.agent}: ${event.toolName}`);
    });
    const { text } = await session.send('ask an agent how many lines has notes.txt?').result;
    expect(text).toBe('The agent says: notes.txt has 3 lines.');
    expect([...asked]).toEqual(['helper: read_file']);
    await session.close();
  });
});

describe('hang', () => {
  test('waits until it is stopped', async () => {
    const controller = new AbortController();
    const hanging = call(named('hang'), {}, controller.signal);
    controller.abort(new Error('stopped'));
    await expect(hanging).rejects.toThrow('stopped');
    await expect(call(named('hang'), {}, AbortSignal.abort(new Error('stopped before')))).rejects.toThrow(
      'stopped before',
    );
  });
});
