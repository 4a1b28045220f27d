import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GdpfsError } from '../base/errors.ts';
import type { Output } from './output.ts';
import { Report } from './report.ts';

function newReport(isTerminal = false) {
  const written: string[] = [];
  const output: Output = {
    isTerminal,
    write: async (data) => void written.push(String(data)),
  };
  const abort = new AbortController();
  return { report: new Report(output, abort.signal), abort, text: () => written.join('') };
}

const notFound = new GdpfsError('not_found', 'cannot find "a": it does not exist', {
  hint: 'look elsewhere',
});

test('Report.error() prints the error, what it is about, and its hint', async () => {
  const { report, text } = newReport();
  await report.error(notFound);
  await report.error(notFound, 'gdp://v/a');
  assert.equal(
    text(),
    'gdpfs: error: cannot find "a": it does not exist\n' +
      'gdpfs: hint: look elsewhere\n' +
      'gdpfs: error: gdp://v/a: cannot find "a": it does not exist\n' +
      'gdpfs: hint: look elsewhere\n',
  );
});

test('Report.error() says what it is about unless the error names it', async () => {
  const { report, text } = newReport();
  await report.error(notFound, 'a');
  await report.error(new GdpfsError('no_space', 'cannot write: the disk is full'), 'a');
  await report.error(new GdpfsError('not_found', 'cannot read gdp://v/a: gone'), 'gdp://v/a');
  assert.equal(
    text(),
    'gdpfs: error: cannot find "a": it does not exist\n' +
      'gdpfs: hint: look elsewhere\n' +
      'gdpfs: error: a: cannot write: the disk is full\n' +
      'gdpfs: error: cannot read gdp://v/a: gone\n',
  );
});

test('Report.exitCode is that of the error, of several if they agree, and 74 if they do not', async () => {
  const { report } = newReport();
  assert.equal(report.exitCode, 0);
  await report.error(notFound);
  await report.error(notFound);
  assert.equal(report.exitCode, 66);
  await report.error(new GdpfsError('forbidden', 'cannot'));
  assert.equal(report.exitCode, 74);
});

test('Report.error() owns up to a bug, and shows where it is only with --debug', async () => {
  const { report, text } = newReport();
  await report.error(new TypeError('x is not a function'));
  assert.match(
    text(),
    /^gdpfs: error: internal error: TypeError: x is not a function\ngdpfs: hint: /,
  );
  assert.equal(report.exitCode, 70);
  const debug = newReport();
  debug.report.isDebug = true;
  await debug.report.error(new GdpfsError('corrupt', 'outer', { cause: new Error('inner') }));
  assert.match(debug.text(), /outer\n {4}at .*\n[^]*caused by: Error: inner\n {4}at /);
});

test('Report.error() says once that the user stopped it, whatever failed because of that', async () => {
  const { report, abort, text } = newReport();
  abort.abort();
  await report.error(new Error('aborted'));
  await report.error(notFound);
  assert.equal(text(), 'gdpfs: error: stopped before the end\n');
  assert.equal(report.exitCode, 130);
});

test('Report.error() lets no name repaint the terminal', async () => {
  const hostile = new GdpfsError('not_found', 'cannot find \u001b[2J\r\u009b31m');
  const terminal = newReport(true);
  await terminal.report.error(hostile);
  assert.equal(terminal.text(), 'gdpfs: error: cannot find ?[2J??31m\n');
  const file = newReport(false);
  await file.report.error(hostile);
  assert.equal(file.text(), `gdpfs: error: ${hostile.message}\n`);
});
