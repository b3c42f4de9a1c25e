import { readFileSync, writeFileSync } from 'node:fs';

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

// Prints "passed failed skipped" and writes what failed, and why, into a file. A file of tests that fails without a
// failed test (because it does not load) counts as one failure.
const [reportFile = '', failuresFile = ''] = process.argv.slice(2);
const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
const failures: string[] = [];
for (const { name, status, message, assertionResults } of report.testResults) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  for (const { fullName, failureMessages } of failed) {
    failures.push(`${name}: ${fullName}\n${(failureMessages ?? []).join('\n').slice(0, 2_000)}`);
  }
  if (status === 'failed' && failed.length === 0) failures.push(`${name}\n${(message ?? '').slice(0, 2_000)}`);
}
writeFileSync(failuresFile, failures.map((failure) => `${failure}\n`).join('\n'));
console.log(report.numPassedTests, failures.length, report.numPendingTests + report.numTodoTests);
