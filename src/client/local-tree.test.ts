import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { attributesOf } from './local-attributes.ts';
import { LocalTree } from './local-tree.ts';
import { partPrefix, privatePartPath } from './part-names.ts';

const ATTRIBUTES = { mode: 0o644, mtimeUs: 1_600_000_000_123_456 };
const DATA = Buffer.from('data');

/** `root` inside of an otherwise empty directory. */
function newRoot(context: TestContext): { readonly outside: string; readonly root: string } {
  const outside = mkdtempSync(join(tmpdir(), 'gdpfs-tree-'));
  context.after(() => rmSync(outside, { recursive: true }));
  const root = join(outside, 'root');
  mkdirSync(root);
  return { outside, root };
}

test('LocalTree refuses names that lead out of its root', (context) => {
  const { outside, root } = newRoot(context);
  const tree = new LocalTree(root);
  const names = ['../x', 'a/../../x', '..', '.', './x', 'a//x', '', 'a\0b', '/absolute', 'a/'];
  for (const name of names) {
    assert.throws(() => tree.writeFile(name, DATA, ATTRIBUTES), isGdpfsError, name);
    assert.throws(() => tree.writeLink(name, 'x', ATTRIBUTES), isGdpfsError, name);
  }
  for (const name of ['../x', 'a/..', 'a//x']) {
    assert.throws(() => tree.makeDirectory(name), isGdpfsError, name);
  }
  assert.deepEqual(readdirSync(outside), ['root']);
  assert.deepEqual(readdirSync(root), []);
});

test('LocalTree does not write through a symbolic link below its root', (context) => {
  const { outside, root } = newRoot(context);
  mkdirSync(join(outside, 'elsewhere'));
  symlinkSync('../elsewhere', join(root, 'link'));
  symlinkSync('../victim', join(root, 'file'));
  writeFileSync(join(outside, 'victim'), 'old');
  const tree = new LocalTree(root);
  assert.throws(() => tree.writeFile('link/x', DATA, ATTRIBUTES), { code: 'not_a_directory' });
  assert.throws(() => tree.makeDirectory('link/x'), { code: 'not_a_directory' });
  tree.writeFile('file', DATA, ATTRIBUTES);
  assert.deepEqual(readdirSync(join(outside, 'elsewhere')), []);
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'old');
  assert(lstatSync(join(root, 'file')).isFile(), 'the link was replaced');
});

test('LocalTree replaces files and links whole and leaves nothing else behind', (context) => {
  const { root } = newRoot(context);
  const tree = new LocalTree(root);
  for (const text of ['first', 'second, longer', '']) {
    tree.writeFile('a/b', Buffer.from(text), ATTRIBUTES);
    assert.equal(readFileSync(join(root, 'a/b'), 'utf8'), text);
    tree.writeLink('a/link', `${text}/target`, ATTRIBUTES);
    assert.equal(readlinkSync(join(root, 'a/link')), `${text}/target`);
  }
  assert.deepEqual(readdirSync(join(root, 'a')), ['b', 'link']);
});

test('LocalTree says what is in the way', (context) => {
  const { root } = newRoot(context);
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'file'), '');
  const tree = new LocalTree(root);
  assert.throws(() => tree.writeFile('directory', DATA, ATTRIBUTES), { code: 'is_a_directory' });
  assert.throws(() => tree.writeFile('file/x', DATA, ATTRIBUTES), { code: 'not_a_directory' });
  assert.deepEqual(readdirSync(root), ['directory', 'file']);
});

test('LocalTree sets times and modes, never those that run a file as somebody else', (context) => {
  const { root } = newRoot(context);
  const tree = new LocalTree(root);
  fc.assert(
    fc.property(fc.nat(0o7777), fc.integer({ min: 0, max: 4e15 }), (mode, mtimeUs) => {
      tree.makeDirectory('directory');
      tree.writeFile('file', DATA, { mode, mtimeUs });
      tree.finishDirectory('directory', { mode, mtimeUs });
      for (const name of ['file', 'directory']) {
        const actual = attributesOf(lstatSync(join(root, name), { bigint: true }));
        assert.deepEqual(actual, { mode: mode & 0o1777, mtimeUs }, name);
      }
    }),
    { numRuns: 50 },
  );
  tree.writeFile('old', DATA, { mode: 0o600, mtimeUs: -1_500_000 });
  const old = attributesOf(lstatSync(join(root, 'old'), { bigint: true }));
  assert.equal(old.mtimeUs, -1_500_000);
  assert(!existsSync(join(root, 'none')));
});

test('LocalTree gives each of many files its mode, whatever the umask is', (context) => {
  const { root } = newRoot(context);
  for (const umask of [0o000, 0o022, 0o077]) {
    const before = process.umask(umask);
    try {
      const tree = new LocalTree(root);
      const modes = [0o644, 0o644, 0o600, 0o600, 0o600, 0o644, 0o400, 0o400, 0o666, 0o666, 0o777];
      for (const [index, mode] of modes.entries()) {
        const name = `${umask}/file-${index}`;
        tree.writeFile(name, DATA, { ...ATTRIBUTES, mode });
        assert.equal(lstatSync(join(root, name)).mode & 0o7777, mode, `${name}, ${mode}`);
      }
    } finally {
      process.umask(before);
    }
  }
});

test('LocalTree gives a directory back the mode and time that it had', (context) => {
  const { root } = newRoot(context);
  const directory = join(root, 'd');
  mkdirSync(directory);
  chmodSync(directory, 0o2555);
  utimesSync(directory, 1.5, 1.5);
  const before = attributesOf(lstatSync(directory, { bigint: true }));
  const tree = new LocalTree(root);
  tree.writeFile('d/e/file', DATA, ATTRIBUTES);
  assert.equal(lstatSync(directory).mode & 0o700, 0o700, 'its owner can write in it');
  tree.finishDirectory('d/e', ATTRIBUTES);
  tree.finishDirectory('d');
  assert.deepEqual(attributesOf(lstatSync(directory, { bigint: true })), before);
});

test('LocalTree does not make a root writable that is not', (context) => {
  const { root } = newRoot(context);
  chmodSync(root, 0o555);
  const tree = new LocalTree(root);
  try {
    tree.writeFile('file', DATA, ATTRIBUTES);
  } catch (error) {
    assert(isGdpfsError(error, 'local_io'), String(error));
  }
  assert.equal(lstatSync(root).mode & 0o777, 0o555);
});

test('LocalTree removes what earlier downloads of a file, or of small files, left', (context) => {
  const { root } = newRoot(context);
  mkdirSync(join(root, 'd'));
  for (const name of ['.gdpfs-small', 'file', 'other']) {
    writeFileSync(privatePartPath(join(root, 'd', name)), 'part');
  }
  const tree = new LocalTree(root);
  tree.writeFile('d/file', DATA, ATTRIBUTES);
  const other = readdirSync(join(root, 'd')).filter((name) => name !== 'file');
  assert.deepEqual(
    other.map((name) => name.startsWith(partPrefix('other'))),
    [true],
  );
});

test('LocalTree looks for leftovers only where somebody has seen them, if it is told', (context) => {
  const { root } = newRoot(context);
  for (const name of ['', 'd', 'e']) {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(privatePartPath(join(root, name, 'file')), 'part');
  }
  const tree = new LocalTree(root);
  tree.partsIn = new Set(['', 'd']);
  for (const name of ['file', 'd/file', 'e/file']) tree.writeFile(name, DATA, ATTRIBUTES);
  assert.deepEqual(readdirSync(root), ['d', 'e', 'file']);
  assert.deepEqual(readdirSync(join(root, 'd')), ['file']);
  assert.equal(readdirSync(join(root, 'e')).length, 2);
});

test('LocalTree lets no name take the place of another that may be the same', (context) => {
  const { root } = newRoot(context);
  const tree = new LocalTree(root, () => true);
  tree.writeFile('d/Name', DATA, ATTRIBUTES);
  tree.prepare('d/large');
  tree.makeDirectory('Directory');
  const exists = { code: 'exists' };
  assert.throws(() => tree.writeFile('d/name', DATA, ATTRIBUTES), exists);
  assert.throws(() => tree.writeLink('d/LARGE', 'x', ATTRIBUTES), exists);
  assert.throws(() => tree.writeFile('directory/x', DATA, ATTRIBUTES), exists);
  tree.writeFile('d/Name', DATA, ATTRIBUTES);
  tree.writeFile('Directory/name', DATA, ATTRIBUTES);
  tree.remove('d/Name');
  tree.writeFile('d/name', DATA, ATTRIBUTES);
  assert.deepEqual(readdirSync(join(root, 'd')), ['name']);
});

test('LocalTree reads a file only if it is one, of that size', (context) => {
  const { outside, root } = newRoot(context);
  const scratch = new Uint8Array(100);
  writeFileSync(join(root, 'file'), DATA);
  writeFileSync(join(outside, 'secret'), DATA);
  symlinkSync('../secret', join(root, 'link'));
  const tree = new LocalTree(root);
  const found = tree.readFile('file', DATA.length, scratch);
  assert.deepEqual(Buffer.from(found?.data ?? []), DATA);
  assert.equal(tree.readFile('file', DATA.length + 1, scratch), undefined);
  for (const name of ['link', 'none']) {
    assert.equal(tree.readFile(name, DATA.length, scratch), undefined, name);
  }
});

test('LocalTree removes what is there, and makes nothing to remove', (context) => {
  const { outside, root } = newRoot(context);
  mkdirSync(join(root, 'd', 'inner'), { recursive: true });
  writeFileSync(join(outside, 'kept'), '');
  symlinkSync('..', join(root, 'up'));
  const tree = new LocalTree(root);
  tree.writeFile('d/inner/file', DATA, ATTRIBUTES);
  tree.remove('d/inner');
  tree.remove('none');
  tree.remove('none/below/it');
  assert.throws(() => tree.remove('up/kept'), { code: 'not_a_directory' });
  tree.remove('up');
  assert.deepEqual(readdirSync(root), ['d']);
  assert.deepEqual(readdirSync(join(root, 'd')), []);
  tree.writeFile('d/inner/file', DATA, ATTRIBUTES);
  assert.deepEqual(readdirSync(outside), ['kept', 'root']);
});
