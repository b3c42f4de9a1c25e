import type { Json } from 'turnchart';
import { describe, expect, test } from 'vitest';
import { defaultView, withAbsolutePaths } from '../../../src/hosts/acp/toolView.ts';

const cwd = '/home/ada/app';

function view(toolName: string, input: Json = {}) {
  return defaultView({ toolName, input, cwd });
}

describe('a tool call that nobody describes', () => {
  test.each([
    ['read_file', 'read'],
    ['files_read_text_file', 'read'],
    ['listDirectory', 'read'],
    ['grep', 'search'],
    ['edit-file', 'edit'],
    ['write_file', 'edit'],
    ['delete_file', 'delete'],
    ['move_file', 'move'],
    ['run_tests', 'execute'],
    ['fetch_page', 'fetch'],
    ['think', 'think'],
    ['calculate', 'other'],
    ['threads', 'other'],
  ])('has an icon by its name: %s', (toolName, kind) => {
    expect(view(toolName).kind).toBe(kind);
  });

  test.each([
    ['read_file', { path: 'src/a.ts' }, [{ path: '/home/ada/app/src/a.ts' }]],
    ['read_file', { file_path: '/etc/hosts', line: 3 }, [{ path: '/etc/hosts', line: 3 }]],
    ['read_files', { paths: ['a', 'b'] }, [{ path: '/home/ada/app/a' }, { path: '/home/ada/app/b' }]],
    ['list_files', { path: '.' }, []],
    ['read_page', { path: 'https://example.com' }, []],
    ['pay', { path: 'cash' }, []],
    ['read_file', 'a.ts', []],
  ])('names its files where its input does: %s %j', (toolName, input, locations) => {
    expect(view(toolName, input).locations).toEqual(locations);
  });

  test.each([
    ['edit_file', { path: 'a', oldText: 'x', newText: 'y' }, [{ path: `${cwd}/a`, oldText: 'x', newText: 'y' }]],
    [
      'edit_file',
      { file_path: 'a', old_string: 'x', new_string: '' },
      [{ path: `${cwd}/a`, oldText: 'x', newText: '' }],
    ],
    [
      'fs_edit_file',
      { path: 'a', edits: [{ oldText: 'x', newText: 'y' }, { oldText: 'v', newText: 'w' }, 7] },
      [
        { path: `${cwd}/a`, oldText: 'x', newText: 'y' },
        { path: `${cwd}/a`, oldText: 'v', newText: 'w' },
      ],
    ],
    // what was there before is not known
    ['write_file', { path: 'a', content: 'y' }, []],
  ])('shows its changes where its input has them: %s %j', (toolName, input, diffs) => {
    expect(view(toolName, input).diffs).toEqual(diffs);
  });

  test.each([
    ['read_file', { path: 'src/a.ts', limit: 10 }, 'read_file src/a.ts'],
    ['calculate', { expression: '17*23' }, 'calculate 17*23'],
    ['say', { text: 'two\n  lines' }, 'say two lines'],
    ['say', 'plainly', 'say plainly'],
    ['stop', {}, 'stop'],
  ])('has a title of its name and its input: %s %j', (toolName, input, title) => {
    expect(view(toolName, input).title).toBe(title);
  });

  test('has a title that fits into a line', () => {
    expect(view('say', { text: 'word '.repeat(100) }).title).toHaveLength(80);
  });
});

test('paths that somebody describes are made absolute', () => {
  const described = {
    title: 'Edits',
    kind: 'edit' as const,
    locations: [{ path: 'a' }, { path: '/b', line: 2 }],
    diffs: [{ path: 'a', newText: 'x' }],
  };
  expect(withAbsolutePaths(described, cwd)).toEqual({
    ...described,
    locations: [{ path: '/home/ada/app/a' }, { path: '/b', line: 2 }],
    diffs: [{ path: '/home/ada/app/a', newText: 'x' }],
  });
});
