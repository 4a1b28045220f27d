import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { BATCHES, changesOf, memoryNodes } from '../../test/support/state-map.ts';
import { asBuffer, hexEncode } from '../base/bytes.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import { encodeStateEntry, type StateEntry, stateKey, stateLeafHash } from './state-entry.ts';
import { StateMap } from './state-map.ts';

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The root by the words of docs/formats.md, with nothing but the keys and their hashes. */
function naiveRoot(leaves: ReadonlyMap<string, Uint8Array>): string {
  const keys = [...leaves.keys()].sort();
  const node = (group: readonly string[], path: number): Buffer => {
    const parts: Buffer[] = [Buffer.of(3)];
    for (const byte of new Set(group.map((key) => key[path]))) {
      const below = group.filter((key) => key[path] === byte);
      const [first = ''] = below;
      let end = first.length;
      while (!below.every((key) => key.startsWith(first.slice(0, end)))) end -= 1;
      const label = Buffer.from(first.slice(path, end), 'latin1');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(label.length);
      const isLeaf = below.length === 1;
      const hash = isLeaf ? (leaves.get(first) ?? assert.fail()) : node(below, end);
      parts.push(length, label, Buffer.of(isLeaf ? 0 : 1), Buffer.from(hash));
    }
    return sha256(...parts);
  };
  return node(keys, 0).toString('hex');
}

test('the root is that of the definition after any batches of puts and removals, and so independent of history', () => {
  const property = fc.property(BATCHES, (batches) => {
    const nodes = memoryNodes();
    const map = new StateMap(nodes);
    const model = new Map<string, Uint8Array>();
    for (const batch of batches) {
      const changes = changesOf(batch);
      map.update(changes);
      for (const { key, hash } of changes) {
        const name = asBuffer(key).toString('latin1');
        if (hash === undefined) model.delete(name);
        else model.set(name, hash);
      }
      assert.equal(hexEncode(map.root()), naiveRoot(model));
    }
    // Nothing is left behind: all nodes but the root have two children at least.
    assert(nodes.size <= Math.max(1, model.size));
    map.update(changesOf([]));
    const rest = [...model.keys()].sort();
    map.update(rest.map((key) => ({ key: Buffer.from(key, 'latin1'), hash: undefined })));
    assert.equal(nodes.size, 0);
    assert.equal(hexEncode(map.root()), naiveRoot(new Map()));
  });
  fc.assert(property, { numRuns: 400 });
});

test('the bytes of docs/formats.md: an entry, a map of three names, and the root of nothing', () => {
  const entry: StateEntry = {
    parent: 0,
    name: 'a',
    node: 2,
    seq: 2,
    kind: NodeKind.DIRECTORY,
    mode: 0o755,
    mtimeUs: -1,
    author: 'alice',
    size: 0,
    file: undefined,
    target: undefined,
  };
  assert.equal(
    hexEncode(encodeStateEntry(entry)),
    '00000000000000000001610000000000000002000000000000000202' +
      '01edffffffffffffffff0005616c696365',
  );
  const map = new StateMap(memoryNodes());
  const places = [
    ['a', 0],
    ['ab', 0],
    ['a', 2],
  ] as const;
  const roots = places.map(([name, parent]) => {
    map.update([{ key: stateKey(parent, name), hash: stateLeafHash({ ...entry, parent, name }) }]);
    return hexEncode(map.root());
  });
  assert.deepEqual([hexEncode(new StateMap(memoryNodes()).root()), ...roots], VECTORS);
});

const VECTORS: readonly string[] = [
  '084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5',
  '3d160c269d412620ac301ed09a2c6337903e701c92eaee3e07d25c571b8732b6',
  '51959e207f978b7ae40262c105a26331126cee8cb3aaa3cb4e9560295b38840c',
  'e36d265aebba3657e0a7d4ac0585d43eddcb39ecc36d8201cde6022d58e6910f',
];
