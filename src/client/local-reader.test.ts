import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sha256 } from '../base/digest.ts';
import { contentRoot } from '../format/content.ts';
import { decodeListing, ListingWriter } from '../wire/listing.ts';
import { decodeEntryPack, type PackEntry } from '../wire/entry-pack.ts';
import { LocalReader } from './local-reader.ts';
import { WAY } from './local-requests.ts';
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

function rowsOf(items: readonly TreeItem[]): Uint8Array {
  const writer = new ListingWriter();
  for (const item of items) if (item.kind !== 'fault') writer.add(item);
  return writer.finish();
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
  const packed = await reader.pack(rowsOf(await itemsOf(reader)));
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
  const packed = await reader.pack(rowsOf(items));
  const faults = packed.faults.map(({ index, fault }) => [items[index]?.relative, fault.code]);
  assert.deepEqual(faults, [
    ['gone', 'not_found'],
    ['link', 'local_io'],
    ['turned', 'source_changed'],
  ]);
  const now = decodeListing(packed.rows).find(({ relative }) => relative === 'grown');
  assert.equal(now?.size, 8);
  assert.deepEqual(contents(await packed.finish()), { grown: 'grown up', same: '5' });
});

test('LocalReader packs each row the way that it is told', async (context) => {
  const root = newTree(context, { a: 'first', b: 'second', c: 'third' });
  await using reader = new LocalReader({ root, rules: [] });
  const packed = await reader.pack(rowsOf(await itemsOf(reader)));
  const ways = Uint8Array.from([WAY.none, WAY.reference, WAY.whole]);
  assert.deepEqual(contents(await packed.finish(ways)), { b: 'reference', c: 'third' });
  const none = await reader.pack(rowsOf(await itemsOf(reader)));
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
  const packed = await reader.pack(rowsOf(rows));
  assert.deepEqual([...packed.isSame], [1, 0, 1]);
  await packed.finish();
});

test('LocalReader uses the memory of a pack that was sent for the next', async (context) => {
  const root = newTree(context, { a: 'A', b: 'B' });
  await using reader = new LocalReader({ root, rules: [] });
  const items = await itemsOf(reader);
  const first = await (await reader.pack(rowsOf(items))).finish();
  assert(first !== undefined);
  reader.recycle(first);
  const second = await (await reader.pack(rowsOf(items.slice(1)))).finish();
  assert(second !== undefined);
  assert.deepEqual(contents(second), { b: 'B' });
  assert.deepEqual(first.slice(0, second.length), second.slice());
});
