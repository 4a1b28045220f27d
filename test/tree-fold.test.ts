import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { fc } from './support/property.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { VolumeTree } from '../src/client/volume-tree.ts';
import { decodeDentry } from '../src/format/dentry.ts';
import { NodeKind } from '../src/format/generated/gdpfs_pb.js';
import type { DentryInit } from '../src/format/record-encoder.ts';
import { foldIntoTree, isInTree, ROOT_NODE } from '../src/format/tree-fold.ts';
import { LastDirectory, VolumeNodes } from '../src/fs/dentry-fold.ts';
import { EntryTable } from '../src/fs/entry-table.ts';
import { FS_SCHEMA } from '../src/fs/schema.ts';
import { StateFold } from '../src/fs/state-fold.ts';

/** The server keeps a tree in tables, a client that verifies in maps: they must never disagree. */

const VOLUME = 7;
const NODES_MAX = 50;
const NAMES = ['x', 'y', 'ä', '\u{1f600}'];
const CHILDREN_MAX = 100;

const inits: fc.Arbitrary<DentryInit> = fc
  .record({
    node: fc.option(fc.bigInt(0n, 9n), { nil: undefined, freq: 1 }),
    kind: fc.constantFrom(NodeKind.DIRECTORY, NodeKind.DIRECTORY, NodeKind.SYMLINK),
    parent: fc.oneof(fc.constant(0n), fc.bigInt(0n, 9n)),
    name: fc.constantFrom(...NAMES),
    isRemoval: fc.nat(4).map((number) => number === 0),
  })
  .map(({ node, isRemoval, ...place }) => ({
    ...place,
    target: 't',
    ...(node === undefined ? {} : { node, removed: isRemoval }),
  }));

/** What the fold says to the dentry: nothing, or that it is corrupt. */
function refusal(fold: () => void): string | undefined {
  try {
    fold();
    return undefined;
  } catch (error) {
    assert(isGdpfsError(error, 'corrupt'), String(error));
    return error.message;
  }
}

/** Path and number of every node that a path leads to. */
function listed(entries: EntryTable, directory = ROOT_NODE, prefix = ''): string[] {
  const first = { volume: VOLUME, parent: directory, name: '' };
  return entries
    .children(first, CHILDREN_MAX)
    .flatMap(({ name, node, seq }) => [
      `${prefix}${name} ${node} ${seq}`,
      ...listed(entries, node, `${prefix}${name}/`),
    ]);
}

function walked(tree: VolumeTree): string[] {
  return [...tree.walk()].map(({ path, dentry: { node, seq } }) => `${path} ${node} ${seq}`);
}

describe('the tree of a server and that of a verifying client', () => {
  it('are the same after the same dentries, and refuse the same ones', () => {
    let taken = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(inits, { maxLength: NODES_MAX, size: 'max' }), (all) => {
        using database = new DatabaseSync(':memory:');
        database.exec(FS_SCHEMA);
        const entries = new EntryTable(database);
        const fold = { state: new StateFold(database), last: new LastDirectory() };
        const table = new VolumeNodes(entries, VOLUME, fold);
        const tree = new VolumeTree();
        for (const [index, init] of all.entries()) {
          const dentry = decodeDentry(index + 1, init);
          const said = refusal(() => foldIntoTree(table, dentry));
          assert.equal(
            refusal(() => tree.apply(dentry)),
            said,
          );
          if (said === undefined) taken += 1;
          else refused += 1;
        }
        assert.deepEqual(walked(tree).toSorted(), listed(entries).toSorted());
        for (let node = 1; node <= NODES_MAX; node += 1) {
          assert.equal(table.byNode(node)?.parent, tree.byNode(node)?.parent);
          assert.equal(isInTree(table, node), isInTree(tree, node));
          // The table only has to know the kind of a node that has no place.
          if (table.byNode(node) === undefined) {
            assert.equal(table.pastKind(node), tree.pastKind(node));
          }
        }
      }),
      { numRuns: 150 },
    );
    assert(taken > 500 && refused > 500, `${taken} taken, ${refused} refused`);
  });
});
