import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pictureType, previewOf, rowsOf } from './preview.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const whole = { isWhole: true, rowsMax: 100 };

test('pictures of dots are pictures, if they are whole; SVG and HTML are text', () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0);
  assert.deepEqual(previewOf('a.txt', png, whole), { kind: 'picture', type: 'image/png' });
  assert.equal(previewOf('a.png', png, { ...whole, isWhole: false }).kind, 'bytes');
  assert.equal(pictureType(bytes('RIFF....WEBPVP8 ')), 'image/webp');
  for (const text of ['<svg onload="alert(1)"/>', '<script>alert(1)</script>']) {
    assert.deepEqual(previewOf('a.svg', bytes(text), whole), { kind: 'text', text });
  }
});

test('a text that was cut inside a character is a text', () => {
  const cut = bytes('Größe').subarray(0, 3);
  assert.deepEqual(previewOf('a', cut, { ...whole, isWhole: false }), { kind: 'text', text: 'Gr' });
  assert.equal(previewOf('a', cut, whole).kind, 'bytes');
});

test('JSON is indented if it is whole and JSON', () => {
  assert.deepEqual(previewOf('a.json', bytes('{"a":[1]}'), whole), {
    kind: 'text',
    text: '{\n  "a": [\n    1\n  ]\n}',
  });
  assert.deepEqual(previewOf('a.json', bytes('{"a'), whole), { kind: 'text', text: '{"a' });
});

test('tables have quoted fields, line ends of both kinds, and a bounded number of rows', () => {
  assert.deepEqual(rowsOf('a,b\r\n"x,1","say ""hi""\nthere"\n', ',', 10), [
    ['a', 'b'],
    ['x,1', 'say "hi"\nthere'],
  ]);
  assert.deepEqual(rowsOf('a,\n', ',', 10), [['a', '']]);
  assert.deepEqual(rowsOf('1\n2\n3\n', ',', 2), [['1'], ['2']]);
  assert.deepEqual(rowsOf('', ',', 2), []);
  assert.deepEqual(previewOf('t.tsv', bytes('a\tb'), whole), { kind: 'table', rows: [['a', 'b']] });
});

test('anything else is shown as bytes', () => {
  const preview = previewOf('a.bin', Uint8Array.of(0, 1, 2, 65), whole);
  assert(preview.kind === 'bytes');
  assert.match(preview.lines[0] ?? '', /^00000000 {2}00 01 02 41 +···A$/);
});
