/**
 * Who may see and change what, against a model that knows nothing of how it is decided: the tree as
 * a list of paths at every moment, and grants on the nodes in it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from './support/property.ts';
import { parentPath } from '../src/format/path.ts';
import { Permission } from '../src/format/generated/gdpfs_pb.js';
import { groupSubject, LEVEL, type Level, type Rights } from '../src/fs/rights.ts';
import type { Change, Entry, Moment } from '../src/fs/types.ts';
import { newMeta, openTestStore, outcome, type TestStore } from './support/store.ts';

const DIRECTORIES = ['', 'a', 'b', 'a/c', 'b/c', 'a/c/d', 'e'];
const FILES = ['f', 'a/f', 'b/f', 'a/c/g', 'b/c/g', 'a/c/d/h', 'e/f'];
const PATHS = [...DIRECTORIES.slice(1), ...FILES];
const NOBODY = 'nobody';
const USERS = ['bob', 'carol', NOBODY];
const SUBJECTS = ['bob', 'carol', groupSubject('team')];

type Step =
  | {
      readonly kind: 'grant';
      readonly subject: string;
      readonly path: string;
      permission: Permission;
    }
  | { readonly kind: 'change'; readonly user: string; readonly change: RandomChange };

type RandomChange =
  | { readonly op: 'put' | 'mkdir' | 'remove' | 'set'; readonly path: string }
  | { readonly op: 'rename'; readonly path: string; readonly to: string }
  | {
      readonly op: 'copy' | 'restore';
      readonly path: string;
      readonly to: string;
      readonly ago: number;
    };

const path = fc.constantFrom(...PATHS);
const ago = fc.integer({ min: 0, max: 12 });
const change: fc.Arbitrary<RandomChange> = fc.oneof(
  fc.record({ op: fc.constantFrom('put', 'mkdir', 'remove', 'set'), path }),
  fc.record({ op: fc.constant('rename' as const), path, to: path }),
  fc.record({ op: fc.constantFrom('copy', 'restore'), path, to: path, ago }),
) as fc.Arbitrary<RandomChange>;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      subject: fc.constantFrom(...SUBJECTS),
      path: fc.constantFrom(...DIRECTORIES),
      permission: fc.constantFrom(
        Permission.UNSPECIFIED,
        Permission.READ,
        Permission.WRITE,
        Permission.WRITE,
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      user: fc.constantFrom('alice', 'alice', ...USERS),
      change,
    }),
  },
);

/** The tree at one moment, by path, and the grants: all that the rules are about. */
class Lab {
  readonly store: TestStore;
  readonly #grants = new Map<string, Permission>();
  #count = 0;

  constructor(store: TestStore) {
    this.store = store;
  }

  rights(user: string): Rights {
    const subject = { principal: user, isAdmin: false };
    return this.store.system.rights.of(subject, { name: this.store.volume, owner: 'alice' });
  }

  async grant({ subject, path: at, permission }: Extract<Step, { kind: 'grant' }>): Promise<void> {
    const entry = this.tree().get(at);
    if (at !== '' && entry?.kind !== 'directory') return;
    const node = entry?.node ?? 0;
    const value = { volume: this.store.volume, node: BigInt(node), subject, permission };
    await this.store.system.change(() => ({
      records: [{ body: { case: 'grant', value } }],
      result: null,
    }));
    this.#grants.set(`${node} ${subject}`, permission);
  }

  tree(at?: Moment): ReadonlyMap<string, Entry> {
    return new Map(this.store.entries(at).map((entry) => [entry.path, entry]));
  }

  /** By the words of docs/access.md: the highest level on the node and on those above it. */
  levelAt(user: string, tree: ReadonlyMap<string, Entry>, at: string): Level {
    let level: Level = this.#own(user, 0);
    for (let above = at; above !== ''; above = parentPath(above)) {
      const entry = tree.get(above);
      const own = entry?.kind === 'directory' ? this.#own(user, entry.node) : LEVEL.none;
      if (own > level) level = own;
    }
    return level;
  }

  #own(user: string, node: number): Level {
    const subjects = user === 'bob' ? ['bob', groupSubject('team')] : [user];
    const all = subjects.map((subject) => this.#grants.get(`${node} ${subject}`) ?? LEVEL.none);
    return all.reduce<Level>((most, level) => (level > most ? level : most), LEVEL.none);
  }

  /** Paths that the user may see: what they may read, and the way to it. */
  visible(user: string, tree: ReadonlyMap<string, Entry>): string[] {
    const seen = new Set<string>();
    for (const entry of tree.values()) {
      if (this.levelAt(user, tree, entry.path) === LEVEL.none) continue;
      for (let above = entry.path; above !== ''; above = parentPath(above)) seen.add(above);
    }
    return [...tree.keys()].filter((one) => seen.has(one));
  }

  /** Content roots of all files that the user could read now or as of any moment. */
  readable(user: string): Set<string> {
    const found = new Set<string>();
    for (let seq = 0; seq <= this.store.seq; seq += 1) {
      const tree = this.tree({ kind: 'seq', seq });
      for (const { path: at, file } of tree.values()) {
        if (file === undefined || this.levelAt(user, tree, at) === LEVEL.none) continue;
        found.add(Buffer.from(file.content).toString('hex'));
      }
    }
    return found;
  }

  /** Does the model allow it? Undefined where the rules speak of more than one moment. */
  permits(user: string, random: RandomChange, moment: Moment): boolean | undefined {
    if (user === 'alice') return true;
    const tree = this.tree();
    const around = (at: string): Level => this.levelAt(user, tree, parentPath(at));
    const writes = around(random.path) >= LEVEL.write;
    switch (random.op) {
      case 'put':
      case 'remove':
        return writes;
      case 'mkdir':
      case 'set':
        return this.levelAt(user, tree, random.path) >= LEVEL.write;
      case 'rename':
        return writes && around(random.to) >= LEVEL.write;
      case 'copy': {
        const reads = this.levelAt(user, this.tree(moment), random.path) >= LEVEL.read;
        return reads && around(random.to) >= LEVEL.write;
      }
      case 'restore': {
        const reads = this.levelAt(user, this.tree(moment), random.path) >= LEVEL.read;
        return reads && writes ? undefined : false;
      }
    }
  }

  async make(random: RandomChange, moment: Moment): Promise<Change> {
    const { path: at } = random;
    switch (random.op) {
      case 'put': {
        this.#count += 1;
        const file = await this.store.content(`content ${this.#count}`);
        assert.notDeepEqual(file.records[0], newMeta());
        return { kind: 'put', path: at, file };
      }
      case 'mkdir':
        return { kind: 'mkdir', path: at };
      case 'remove':
        return { kind: 'remove', path: at, recursive: true };
      case 'set':
        return { kind: 'set', path: at, attributes: { mode: 0o700 } };
      case 'rename':
        return { kind: 'rename', path: at, to: random.to };
      case 'copy':
        return { kind: 'copy', path: at, to: random.to, recursive: true, at: moment };
      case 'restore':
        return { kind: 'restore', path: at, at: moment };
    }
  }
}

async function checkSight(lab: Lab, at?: Moment): Promise<void> {
  const tree = lab.tree(at);
  const { fs, volume } = lab.store;
  if (at === undefined) {
    const bytes = [...tree.values()].reduce((sum, { size }) => sum + size, 0);
    assert.deepEqual(fs.usage(volume), { bytes, entries: tree.size }, 'usage');
  }
  const moment = at === undefined ? {} : { at };
  const info = { name: volume, count: lab.store.seq + 1 };
  for (const user of USERS) {
    const rights = lab.rights(user);
    const visible = lab.visible(user, tree);
    const options = { recursive: true, limit: 1000, rights, ...moment };
    if (fs.levelAt(info, rights, { path: '', ...moment }) !== undefined) {
      const seen = fs.list(volume, '', options).entries.map((entry) => entry.path);
      assert.deepEqual(seen, visible, `${user} sees`);
      const brief = fs.listBrief(volume, '', { ...options, limit: 2 });
      assert.deepEqual(
        brief.entries.map(({ relative }) => relative),
        visible.slice(0, 2),
      );
    } else assert.deepEqual(visible, [], `${user} sees nothing`);
    for (const one of PATHS) {
      const level = fs.levelAt(info, rights, { path: one, ...moment });
      const expected = lab.levelAt(user, tree, one);
      const isKnown = expected > LEVEL.none || visible.includes(one);
      assert.equal(level, isKnown ? expected : undefined, `${user} at ${one}`);
    }
  }
}

async function takeStep(lab: Lab, one: Extract<Step, { kind: 'change' }>): Promise<void> {
  const { user, change: random } = one;
  const { store } = lab;
  const seq = Math.max(0, store.seq - ('ago' in random ? random.ago : 0));
  const moment: Moment = { kind: 'seq', seq };
  const isPermitted = lab.permits(user, random, moment);
  const before = lab.readable(user);
  const made = await lab.make(random, moment);
  const rights = user === 'alice' ? {} : { rights: lab.rights(user) };
  const result = await outcome(store.apply(made, { author: user, ...rights }));
  if (isPermitted !== undefined) {
    assert.equal(
      result === 'forbidden',
      !isPermitted,
      `${user} ${JSON.stringify(random)} ${result}`,
    );
  }
  if (result !== 'ok' || user === 'alice' || random.op === 'put') return;
  const news = [...lab.readable(user)].filter((content) => !before.has(content));
  assert.deepEqual(news, [], `${user} learns nothing by ${JSON.stringify(random)}`);
}

describe('grants', () => {
  it('show and let change what the model says, now and in the past, through renames, copies and restores', async () => {
    const steps = fc.array(step, { minLength: 8, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await using store = await openTestStore();
        const lab = new Lab(store);
        await store.system.change(() => ({
          records: [
            { body: { case: 'membership', value: { group: 'team', principal: 'bob' } } },
            // Far away, but the volume is accounted for.
            { body: { case: 'quota', value: { volume: store.volume, bytes: 10n ** 12n } } },
          ],
          result: null,
        }));
        for (const directory of DIRECTORIES.slice(1)) {
          await store.apply({ kind: 'mkdir', path: directory });
        }
        for (const [index, file] of FILES.entries()) await store.put(file, `first ${index}`);
        for (const one of all) {
          if (one.kind === 'grant') await lab.grant(one);
          else await takeStep(lab, one);
          await checkSight(lab);
        }
        const middle = Math.floor(store.seq / 2);
        for (const part of [0.25, 0.5, 0.75]) {
          await checkSight(lab, { kind: 'seq', seq: Math.floor(store.seq * part) });
        }
        await store.reopen({ rebuild: true });
        await checkSight(lab, { kind: 'seq', seq: middle });
      }),
      { numRuns: 15 },
    );
  });
});
