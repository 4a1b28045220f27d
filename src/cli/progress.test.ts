import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from './output.ts';
import { ProgressLine, startSummary } from './progress.ts';

function newOutput(isTerminal: boolean) {
  const written: string[] = [];
  const output: Output = {
    isTerminal,
    columns: 20,
    write: async (data) => void written.push(String(data)),
  };
  return { output, written };
}

test('ProgressLine writes nothing where there is no terminal', async () => {
  const { output, written } = newOutput(false);
  const line = new ProgressLine(output);
  line.show('half');
  await line.clear();
  assert.deepEqual(written, []);
});

test('ProgressLine keeps to one line, redraws it rarely and leaves none behind', async () => {
  const { output, written } = newOutput(true);
  const line = new ProgressLine(output);
  for (let count = 0; count < 100; count++) line.show(`${count} of very many files`);
  assert.deepEqual(written, ['\r\u001b[K0 of very many file']);
  await line.clear();
  await line.clear();
  assert.deepEqual(written.slice(1), ['\r\u001b[K']);
});

test('startSummary() counts files and bytes, and gives no rate for a moment', () => {
  const summary = startSummary();
  assert.equal(summary({ files: 1, bytes: 0 }), '1 file, 0 B');
  assert.equal(summary({ files: 60_000, bytes: 1_234_567_890 }), '60000 files, 1.23 GB');
});
