import assert from 'node:assert/strict';
import { test } from 'node:test';
import { above, StatusLine } from './status-line.ts';

function newLine({ canRedraw = true, columns = 20 } = {}) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const terminal = { canRedraw, columns, write: (text: string) => void written.push(text) };
  return { status: new StatusLine(terminal, () => clock.ms), terminal, clock, written };
}

test('StatusLine writes nothing where a line cannot be written over', async () => {
  const { status, written } = newLine({ canRedraw: false });
  status.show('half');
  status.hide();
  assert.deepEqual([status.isUseful, written], [false, []]);
});

test('StatusLine keeps to one line, redraws it rarely and leaves none behind', () => {
  const { status, clock, written } = newLine();
  for (let count = 0; count < 100; count += 1) {
    status.show(`${count} of very many files`);
    clock.ms += 20;
  }
  assert.equal(written.length, 10);
  assert.equal(written[0], '\r0 of very many file\u001b[K');
  status.hide();
  status.hide();
  assert.deepEqual(written.slice(10), ['\r\u001b[K']);
});

test('StatusLine does not write again what it shows already', () => {
  const { status, clock, written } = newLine();
  for (let count = 0; count < 10; count += 1) {
    status.show('half');
    clock.ms += 1000;
  }
  assert.equal(written.length, 1);
});

test('StatusLine follows the width of the terminal, down to nothing', () => {
  const { status, terminal, clock, written } = newLine();
  for (const columns of [10, 2, 1, 0]) {
    terminal.columns = columns;
    status.show(`a line of ${columns} columns`);
    clock.ms += 1000;
  }
  assert.deepEqual(written, ['\ra line of\u001b[K', '\ra\u001b[K', '\r\u001b[K']);
});

test('StatusLine makes room for other output and for whoever has the terminal for itself', async () => {
  const { status, clock, written } = newLine();
  const output = above(status, {
    isTerminal: true,
    write: async (text) => void written.push(String(text)),
  });
  status.show('half');
  await output.write('warning\n');
  clock.ms += 1000;
  status.show('most');
  await status.without(async () => {
    clock.ms += 1000;
    status.show('all');
  });
  assert.deepEqual(written, [
    '\rhalf\u001b[K',
    '\r\u001b[K',
    'warning\n',
    '\rmost\u001b[K',
    '\r\u001b[K',
  ]);
  status.show('all');
  assert.equal(written.at(-1), '\rall\u001b[K');
});
