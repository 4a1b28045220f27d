import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import type { Dentry, Removal } from './dentry.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import { foldIntoTree, isBelow, isInTree, ROOT_NODE, type TreeNodes } from './tree-fold.ts';

const { FILE, DIRECTORY, SYMLINK } = NodeKind;

/** Every entry that there was, in a list: slow, and too simple to be wrong. */
class ListedNodes implements TreeNodes {
  readonly live: Dentry[] = [];
  readonly past: { readonly dentry: Dentry; readonly until: number }[] = [];

  byNode(node: number): Dentry | undefined {
    return this.live.find((each) => each.node === node);
  }

  byName(parent: number, name: string): Dentry | undefined {
    return this.live.find((each) => each.parent === parent && each.name === name);
  }

  pastKind(node: number): NodeKind | undefined {
    return this.past.findLast(({ dentry }) => dentry.node === node)?.dentry.kind;
  }

  retire({ parent, name }: { readonly parent: number; readonly name: string }, seq: number): void {
    const dentry = this.byName(parent, name);
    assert(dentry !== undefined, 'only what is there is retired');
    this.live.splice(this.live.indexOf(dentry), 1);
    this.past.push({ dentry, until: seq });
  }

  place(dentry: Dentry): void {
    if (this.byName(dentry.parent, dentry.name) !== undefined) this.retire(dentry, dentry.seq);
    this.live.push(dentry);
  }
}

/** What a path leads to: `a/b` is there as `<node>:a/b`. */
function paths(nodes: ListedNodes, directory = ROOT_NODE, prefix = ''): string[] {
  return nodes.live
    .filter(({ parent }) => parent === directory)
    .flatMap(({ node, name }) => [
      `${node}:${prefix}${name}`,
      ...paths(nodes, node, `${prefix}${name}/`),
    ])
    .toSorted();
}

interface Place {
  readonly kind?: Dentry['kind'];
  readonly parent?: number;
  readonly name: string;
}

/** A new node, whose number is `seq`. */
function make(seq: number, { kind = DIRECTORY, parent = ROOT_NODE, name }: Place): Dentry {
  return {
    seq,
    node: seq,
    isNew: true,
    parent,
    name,
    kind,
    size: 0,
    mode: 0,
    mtimeUs: 0,
    author: '',
    file: undefined,
    target: undefined,
  };
}

/** A node that is or was there, at a place. */
function put(seq: number, node: number, place: Place): Dentry {
  return { ...make(seq, place), node, isNew: false };
}

function remove(seq: number, node: number): Removal {
  return { seq, node, removed: true };
}

function folded(...dentries: readonly (Dentry | Removal)[]): ListedNodes {
  const nodes = new ListedNodes();
  for (const dentry of dentries) foldIntoTree(nodes, dentry);
  return nodes;
}

/** Directories 1 `a`, 2 `a/b`, 3 `a/b/c`, and a file 4 `f`. */
const TREE = [
  make(1, { name: 'a' }),
  make(2, { parent: 1, name: 'b' }),
  make(3, { parent: 2, name: 'c' }),
  make(4, { kind: FILE, name: 'f' }),
];

describe('foldIntoTree()', () => {
  it('makes nodes where their dentries say', () => {
    assert.deepEqual(paths(folded(...TREE)), ['1:a', '2:a/b', '3:a/b/c', '4:f']);
  });

  it('moves a node, with what is below a directory, to a place that is free or not', () => {
    const free = folded(...TREE, put(5, 2, { name: 'moved' }));
    assert.deepEqual(paths(free), ['1:a', '2:moved', '3:moved/c', '4:f']);
    const taken = folded(...TREE, put(5, 4, { kind: FILE, parent: 1, name: 'b' }));
    assert.deepEqual(paths(taken), ['1:a', '4:a/b']);
    assert.equal(taken.byNode(2), undefined);
    assert(!isInTree(taken, 3), 'what was below it is hidden, but keeps its place');
    assert.equal(taken.byNode(3)?.parent, 2);
  });

  it('retires every entry that ends, once, with the record that ended it', () => {
    const nodes = folded(
      ...TREE,
      put(5, 4, { kind: FILE, name: 'f' }),
      put(6, 4, { kind: FILE, parent: 1, name: 'b' }),
      remove(7, 1),
    );
    const ends = nodes.past.map(({ dentry: { seq, node }, until }) => [seq, node, until]);
    assert.deepEqual(ends, [
      [4, 4, 5],
      [5, 4, 6],
      [2, 2, 6],
      [1, 1, 7],
    ]);
  });

  it('hides all below a removed directory, and brings it back with the directory', () => {
    const removed = folded(...TREE, remove(5, 2));
    assert.deepEqual(paths(removed), ['1:a', '4:f']);
    foldIntoTree(removed, put(6, 2, { name: 'back' }));
    assert.deepEqual(paths(removed), ['1:a', '2:back', '3:back/c', '4:f']);
  });

  it('moves nodes out of what is hidden, into it, and removes them there', () => {
    const nodes = folded(...TREE, remove(5, 1));
    assert(!isInTree(nodes, 2));
    foldIntoTree(nodes, put(6, 4, { kind: FILE, parent: 2, name: 'f' }));
    foldIntoTree(nodes, put(7, 3, { name: 'out' }));
    assert.deepEqual(paths(nodes), ['3:out']);
    foldIntoTree(nodes, remove(8, 2));
    assert.equal(nodes.byNode(2), undefined);
    assert.equal(nodes.byNode(4)?.parent, 2);
  });

  it('starts an empty directory where one was removed', () => {
    const nodes = folded(...TREE, remove(5, 2), make(6, { parent: 1, name: 'b' }));
    assert.deepEqual(paths(nodes), ['1:a', '4:f', '6:a/b']);
  });

  const refused: Readonly<Record<string, Dentry | Removal>> = {
    'a parent that nobody has heard of': make(9, { parent: 8, name: 'x' }),
    'a parent that is a file': make(9, { parent: 4, name: 'x' }),
    'a parent that was removed': make(9, { parent: 6, name: 'x' }),
    'a new directory in itself': make(9, { parent: 9, name: 'x' }),
    'a node that no dentry had': put(9, 8, { name: 'x' }),
    'the root directory': put(9, ROOT_NODE, { name: 'x' }),
    'its own seq as that of a node that is there': put(9, 9, { name: 'x' }),
    'a file that becomes a directory': put(9, 4, { name: 'f' }),
    'a directory that becomes a link': put(9, 2, { kind: SYMLINK, parent: 1, name: 'b' }),
    'a directory that comes back as a file': put(9, 6, { kind: FILE, name: 'gone' }),
    'a directory moved into itself': put(9, 1, { parent: 1, name: 'x' }),
    'a directory moved to below itself': put(9, 1, { parent: 3, name: 'x' }),
    'a directory that comes back below itself': put(9, 6, { parent: 7, name: 'x' }),
    'a removal of the root directory': remove(9, ROOT_NODE),
    'a removal of a node that no dentry had': remove(9, 8),
    'a removal of a node that was removed': remove(9, 6),
    'a removal of itself': remove(9, 9),
  };
  for (const [what, dentry] of Object.entries(refused)) {
    it(`refuses ${what}, and changes nothing`, () => {
      // 6 was removed, and 7 is a directory below it.
      const gone = [make(6, { name: 'gone' }), make(7, { parent: 6, name: 'below' }), remove(8, 6)];
      const nodes = folded(...TREE, ...gone);
      const { live, past } = structuredClone(nodes);
      assert.throws(
        () => foldIntoTree(nodes, dentry),
        (error) => {
          assert(isGdpfsError(error, 'corrupt'), String(error));
          assert.match(error.message, /^cannot apply dentry 9: ./);
          return true;
        },
      );
      assert.deepEqual({ live: nodes.live, past: nodes.past }, { live, past });
    });
  }

  it('makes a tree of whatever it takes: one place a node, one node a place, no cycle', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60, size: 'max' }), (all) => {
        const nodes = new ListedNodes();
        for (const [index, step] of all.entries()) applyOrRefuse(nodes, step(index + 1));
        assertTree(nodes);
      }),
      { numRuns: 300 },
    );
  });
});

describe('isBelow()', () => {
  it('says whether a place is in a directory or below it', () => {
    const nodes = folded(...TREE);
    for (const [node, parent, expected] of [
      [1, 1, true],
      [1, 3, true],
      [2, 1, false],
      [1, ROOT_NODE, false],
      [1, 77, false],
    ] as const) {
      assert.equal(isBelow(nodes, { node, parent }), expected, `${node} above ${parent}`);
    }
  });

  it('looks above a directory that is hidden, up to what was removed', () => {
    const nodes = folded(...TREE, remove(5, 1));
    assert(isBelow(nodes, { node: 1, parent: 3 }), 'else it could come back below itself');
    assert(isBelow(nodes, { node: 2, parent: 3 }));
    assert(!isBelow(nodes, { node: 4, parent: 3 }));
  });
});

describe('isInTree()', () => {
  it('says whether a path leads to a node', () => {
    const nodes = folded(...TREE, remove(5, 2));
    const found = [ROOT_NODE, 1, 2, 3, 4, 77].filter((node) => isInTree(nodes, node));
    assert.deepEqual(found, [ROOT_NODE, 1, 4]);
  });
});

/** A dentry about a few nodes and names, which is good about as often as not. */
const steps: fc.Arbitrary<(seq: number) => Dentry | Removal> = fc
  .record({
    what: fc.constantFrom('make', 'make', 'put', 'put', 'put', 'remove'),
    node: fc.nat(12),
    kind: fc.constantFrom(FILE, DIRECTORY, DIRECTORY, DIRECTORY),
    parent: fc.nat(12),
    name: fc.constantFrom('x', 'y', 'z'),
  })
  .map(({ what, node, ...place }) => (seq: number) => {
    if (what === 'remove') return remove(seq, node);
    return what === 'make' ? make(seq, place) : put(seq, node, place);
  });

function applyOrRefuse(nodes: ListedNodes, dentry: Dentry | Removal): void {
  const before = [...nodes.live];
  try {
    foldIntoTree(nodes, dentry);
  } catch (error) {
    assert(isGdpfsError(error, 'corrupt'), String(error));
    assert.deepEqual(nodes.live, before);
    return;
  }
  const placed = nodes.byNode(dentry.node);
  assert.equal(placed, 'removed' in dentry ? undefined : dentry);
}

function assertTree({ live, past }: ListedNodes): void {
  const places = live.map(({ parent, name }) => `${parent}/${name}`);
  assert.equal(new Set(places).size, places.length);
  const byNode = new Map(live.map((each) => [each.node, each]));
  assert.equal(byNode.size, live.length);
  const kinds = new Map(past.map(({ dentry }) => [dentry.node, dentry.kind]));
  for (const start of live) {
    assert.equal(start.kind, kinds.get(start.node) ?? start.kind);
    const seen = new Set<number>();
    let each: Dentry | undefined = start;
    while (each !== undefined) {
      assert(!seen.has(each.node), `node ${each.node} is below itself`);
      seen.add(each.node);
      each = byNode.get(each.parent);
    }
  }
}
