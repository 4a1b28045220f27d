import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { contentRoot } from '../format/content.ts';
import { decodeEntryPack, type PackEntry } from '../wire/entry-pack.ts';
import { LocalReader } from './local-reader.ts';
import { WAY } from './local-requests.ts';
import { partPath } from './part-names.ts';
import type { TreeEntry, TreeItem } from './sync/action.ts';

function newTree(context: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'gdpfs-reader-'));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  return root;
}

async function itemsOf(reader: LocalReader): Promise<TreeItem[]> {
  const items: TreeItem[] = [];
  for await (const page of reader.list()) items.push(...page);
  return items;
}

function entriesOf(items: readonly TreeItem[]): TreeEntry[] {
  return items.filter((item) => item.kind !== 'fault');
}

function contents(pack: Uint8Array | undefined): Record<string, string> {
  assert(pack !== undefined);
  const told = (entry: PackEntry): string => {
    return entry.kind === 'file' ? Buffer.from(entry.data).toString() : entry.kind;
  };
  return Object.fromEntries(decodeEntryPack(pack).map((entry) => [entry.path, told(entry)]));
}

test('LocalReader packs what was listed, with its digests', async (context) => {
  const root = newTree(context, { a: 'A', b: 'B', empty: '' });
  mkdirSync(join(root, 'c'));
  await using reader = new LocalReader({ root, rules: [] });
  const packed = await reader.pack(entriesOf(await itemsOf(reader)));
  assert.deepEqual(packed.faults, []);
  assert.deepEqual(packed.digests.subarray(0, 32), sha256(Buffer.from('A')));
  assert.deepEqual(contents(await packed.finish()), { a: 'A', b: 'B', c: 'directory', empty: '' });
});

test('LocalReader packs files as they are now, and names those that it cannot', async (context) => {
  const root = newTree(context, { gone: '1', grown: '2', link: '3', turned: '4', same: '5' });
  await using reader = new LocalReader({ root, rules: [] });
  const items = await itemsOf(reader);
  rmSync(join(root, 'gone'));
  writeFileSync(join(root, 'grown'), 'grown up');
  rmSync(join(root, 'link'));
  symlinkSync('same', join(root, 'link'));
  rmSync(join(root, 'turned'));
  mkdirSync(join(root, 'turned'));
  const packed = await reader.pack(entriesOf(items));
  const faults = packed.faults.map(({ index, fault }) => [items[index]?.relative, fault.code]);
  assert.deepEqual(faults, [
    ['gone', 'not_found'],
    ['link', 'local_io'],
    ['turned', 'source_changed'],
  ]);
  const now = packed.entries.find(({ relative }) => relative === 'grown');
  assert.equal(now?.size, 8);
  assert.deepEqual(contents(await packed.finish()), { grown: 'grown up', same: '5' });
});

test('LocalReader packs each row the way that it is told', async (context) => {
  const root = newTree(context, { a: 'first', b: 'second', c: 'third' });
  await using reader = new LocalReader({ root, rules: [] });
  const packed = await reader.pack(entriesOf(await itemsOf(reader)));
  const ways = Uint8Array.from([WAY.none, WAY.reference, WAY.whole]);
  assert.deepEqual(contents(await packed.finish(ways)), { b: 'reference', c: 'third' });
  const none = await reader.pack(entriesOf(await itemsOf(reader)));
  assert.equal(await none.finish(new Uint8Array(3)), undefined);
});

test('LocalReader knows a file by the content root of its row', async (context) => {
  const root = newTree(context, { a: 'same', b: 'other', c: '' });
  await using reader = new LocalReader({ root, rules: [] });
  const rootOf = (text: string): Uint8Array => {
    const digest = sha256(Buffer.from(text));
    const chunk = { offset: 0, length: text.length, checksum: 0, digest };
    return contentRoot({ size: text.length, chunks: text === '' ? [] : [chunk] });
  };
  const expected = ['same', 'same', ''];
  const items = (await itemsOf(reader)) as TreeEntry[];
  const rows = items.map((item, index) => ({ ...item, content: rootOf(expected[index] ?? '') }));
  const packed = await reader.pack(entriesOf(rows));
  assert.deepEqual([...packed.isSame], [1, 0, 1]);
  await packed.finish();
});

test('LocalReader uses the memory of a pack that was sent for the next', async (context) => {
  const root = newTree(context, { a: 'A', b: 'B' });
  await using reader = new LocalReader({ root, rules: [] });
  const items = await itemsOf(reader);
  const first = await (await reader.pack(entriesOf(items))).finish();
  assert(first !== undefined);
  reader.recycle(first);
  const second = await (await reader.pack(entriesOf(items.slice(1)))).finish();
  assert(second !== undefined);
  assert.deepEqual(contents(second), { b: 'B' });
  assert.deepEqual(first.slice(0, second.length), second.slice());
});

test('LocalReader packs the parts of a tree as it lists them, and a part again when it is asked again', async (context) => {
  const names = Array.from({ length: LIMITS.firstNames + 2 }, (_, index) => `f${1000 + index}`);
  const root = newTree(context, Object.fromEntries(names.map((name) => [name, name])));
  await using reader = new LocalReader({ root, rules: [], packsAhead: true });
  const entries = entriesOf(await itemsOf(reader));
  assert.deepEqual(
    entries.map(({ relative }) => relative),
    names,
  );
  const parts = [entries.slice(0, LIMITS.firstNames), entries.slice(LIMITS.firstNames)];
  // What was packed then is not read any more.
  for (const name of names) rmSync(join(root, name));
  for (const part of parts) {
    const packed = await reader.pack(part);
    assert.deepEqual(packed.faults, []);
    const expected = part.map(({ relative }) => [relative, relative]);
    assert.deepEqual(contents(await packed.finish()), Object.fromEntries(expected));
    const again = await reader.pack(part);
    assert.equal(again.faults.length, part.length);
  }
});

test('LocalReader ends its thread once all that it has packed ahead was asked for', async (context) => {
  const root = newTree(context, { a: 'A', b: 'B' });
  const started = once(process, 'worker');
  await using reader = new LocalReader({ root, rules: [], packsAhead: true });
  const entries = entriesOf(await itemsOf(reader));
  const [thread] = (await started) as [Worker];
  const ended = once(thread, 'exit');
  const packed = await reader.pack(entries);
  assert.deepEqual(contents(await packed.finish()), { a: 'A', b: 'B' });
  await ended;
  // Another one does what is asked then.
  const again = await reader.pack(entries);
  assert.deepEqual(contents(await again.finish()), { a: 'A', b: 'B' });
});

test('LocalReader packs what it is asked for, whatever it has packed ahead', async (context) => {
  const root = newTree(context, { a: 'A', b: 'B' });
  await using reader = new LocalReader({ root, rules: [], packsAhead: true });
  const entries = entriesOf(await itemsOf(reader));
  writeFileSync(join(root, 'b'), 'changed');
  const packed = await reader.pack(entries.slice(1));
  assert.deepEqual(contents(await packed.finish()), { b: 'changed' });
  const ahead = await reader.pack(entries);
  assert.deepEqual(contents(await ahead.finish()), { a: 'A', b: 'B' });
});

test('LocalReader says of a root that is no directory that it cannot be read', async (context) => {
  const root = newTree(context, { file: '' });
  await using reader = new LocalReader({ root: join(root, 'file'), rules: [], packsAhead: true });
  await assert.rejects(itemsOf(reader), isGdpfsError);
});

test('LocalReader knows where unfinished downloads have left something, unless it is in many places', async (context) => {
  const root = newTree(context, { file: '' });
  const places = LIMITS.partDirectoriesMax + 1;
  for (let index = 0; index < places; index += 1) mkdirSync(join(root, String(index)));
  const leave = (index: number): void => {
    writeFileSync(partPath(join(root, String(index), 'file'), 'sha256:00'), '');
  };
  await using reader = new LocalReader({ root, rules: [] });
  assert.equal(reader.partsIn, undefined);
  await itemsOf(reader);
  assert.deepEqual(reader.partsIn, new Set());
  leave(3);
  await itemsOf(reader);
  assert.deepEqual(reader.partsIn, new Set(['3']));
  for (let index = 0; index < places; index += 1) leave(index);
  await itemsOf(reader);
  assert.equal(reader.partsIn, undefined);
});
