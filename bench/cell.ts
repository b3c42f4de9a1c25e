// One figure in a process of its own: node --expose-gc bench/cell.ts <index of the row> <subject>
import { cells } from './cells.ts';
import { type SubjectName, subjects } from './subjects.ts';

const [index = '', name = ''] = process.argv.slice(2);
const cell = cells[Number(index)];
if (cell === undefined || !(name in subjects)) {
  throw new Error(`cell.ts: give a row from 0 to ${cells.length - 1} and a subject: ${Object.keys(subjects)}.`);
}
console.log(JSON.stringify({ value: await cell.measure(name as SubjectName) }));
process.exit(0);
