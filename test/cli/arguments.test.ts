import { describe, expect, test } from 'vitest';
import { type Command, readArguments } from '../../src/cli/arguments.ts';

const run = { type: 'run', isExplicit: false, json: false, model: 'auto', approvesAll: false } as const;
const chat = { type: 'chat', model: 'auto', approvesAll: false } as const;
const replay = { type: 'replay', file: 'a.jsonl', speed: 1, json: false } as const;

describe('the arguments', () => {
  test.each<[words: string[], command: Command]>([
    [[], run],
    [['what', 'is', '2+2'], { ...run, question: 'what is 2+2' }],
    [['run', 'chat'], { ...run, isExplicit: true, question: 'chat' }],
    [['-'], { ...run, question: { from: 'stdin' } }],
    [['--json', '--record', 'a.jsonl', 'hello'], { ...run, question: 'hello', json: true, record: 'a.jsonl' }],
    [['chat'], chat],
    [['--yes', 'chat'], { ...chat, approvesAll: true }],
    [['chat', '--inspect'], { ...chat, inspect: true }],
    [['--inspect'], { ...chat, inspect: true }],
    [['inspect', 'run.jsonl', '--port', '1'], { type: 'inspect', words: ['run.jsonl', '--port', '1'] }],
    [['--yes', 'hello'], { ...run, question: 'hello', approvesAll: true }],
    [['chat', '--session', 'trip'], { ...chat, session: 'trip' }],
    [
      ['--session', 'trip', '--store', 'my.db', 'Where', 'to?'],
      { ...run, question: 'Where to?', session: 'trip', store: 'my.db' },
    ],
    [['chat', 'about', 'cats'], { ...run, question: 'chat about cats' }],
    [['--model', 'openai/gpt-5', 'chat', '--record', 'a.jsonl'], { ...chat, model: 'openai/gpt-5', record: 'a.jsonl' }],
    [['models'], { type: 'models' }],
    [['models', 'are', 'what?'], { ...run, question: 'models are what?' }],
    [['replay', 'a.jsonl'], replay],
    [['replay', 'a.jsonl', '--speed', '0.5', '--json'], { ...replay, speed: 0.5, json: true }],
    [['--speed', 'max', 'replay', 'a.jsonl'], { ...replay, speed: 'max' }],
    [['replay', 'trip', '--store', 'my.db'], { ...replay, file: 'trip', store: 'my.db' }],
    [['chart', '--help'], { type: 'chart', words: ['--help'] }],
    [['paths', '--to', 'failed'], { type: 'paths', words: ['--to', 'failed'] }],
    [['sessions', 'delete', 'trip'], { type: 'sessions', words: ['delete', 'trip'] }],
    [['run', 'sessions'], { ...run, isExplicit: true, question: 'sessions' }],
    [['-h', 'chat'], { type: 'help' }],
    [['-v'], { type: 'version' }],
  ])('%j mean %j', (words, command) => {
    expect(readArguments(words)).toEqual(command);
  });

  test.each<[words: string[], message: RegExp]>([
    [['replay'], /^"turnchart replay" takes one file\./],
    [['replay', 'a', 'b'], /^"turnchart replay" takes one file\..* turnchart run replay/],
    [['replay', 'a', '--speed', '0'], /^--speed 0: it is a number above 0, or max\.$/],
    [['replay', 'a', '--speed', 'fast'], /^--speed fast: /],
    [['replay', 'a', '--speed', 'Infinity'], /^--speed Infinity: /],
    [['replay', 'a', '--model', 'simulated'], /^"turnchart replay" has no option --model\./],
    [['chat', '--json'], /^"turnchart chat" has no option --json\./],
    [['run', '--inspect', 'hi'], /^"turnchart run" has no option --inspect\./],
    [['replay', 'a', '--yes'], /^"turnchart replay" has no option --yes\./],
    [['models', '--record', 'a'], /^"turnchart models" has no option --record\./],
    [['hello', '--speed', '2'], /^"turnchart run" has no option --speed\./],
    [['chat', '--store', 'my.db'], /^--store says where a session is kept: give it a name with --session, too\.$/],
    [['chat', '--session', ' '], /^--session: the name is empty\.$/],
    [['replay', 'a', '--session', 'trip'], /^"turnchart replay" has no option --session\./],
    [['  '], /^The question is empty\./],
    [['--wrong'], /^Unknown option '--wrong'\. See turnchart --help\.$/],
  ])('%j are wrong', (words, message) => {
    expect(readArguments(words)).toEqual({ type: 'wrong', message: expect.stringMatching(message) });
  });
});
