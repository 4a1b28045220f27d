import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bytesEqual } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { FRAME_HEADER_BYTES } from '../../src/format/segment.ts';
import { fsckStore } from '../../src/log/fsck.ts';
import { DamageLab, type Found, type Region, SOUND } from '../support/damage-lab.ts';

/**
 * One damaged byte anywhere in the segments: fsck finds it, and the store neither gives it away as
 * good nor drops what was acknowledged without a word. With the index kept, and with the index lost.
 */

describe('a damaged byte', () => {
  let lab: DamageLab;
  before(async () => {
    lab = await DamageLab.create();
  });
  after(() => {
    lab[Symbol.dispose]();
  });

  it('is nowhere in a store that is sound', async () => {
    const { problems, chunks, commits } = await fsckStore({ directory: lab.directory });
    assert.deepEqual(problems, []);
    assert(chunks > 30 && commits > 20);
    const names = lab.segmentNames();
    assert(names.length >= 4 && names.filter((name) => name.endsWith('.open')).length === 1);
    for (const drop of [false, true]) {
      lab.restore();
      if (drop) lab.dropIndex();
      const found = await lab.look();
      assert.deepEqual(found, SOUND);
    }
  });

  it('is not looked for any longer when the check is told to end', async () => {
    lab.restore();
    const { directory } = lab;
    const reason = new Error('enough');
    await assert.rejects(fsckStore({ directory, signal: AbortSignal.abort(reason) }), reason);
    const { problems } = await fsckStore({ directory });
    assert.deepEqual(problems, []);
  });

  it('is nowhere in a store whose rebuild was told to end, and which is opened again', async () => {
    for (const frames of [0, 1, 30]) {
      lab.restore();
      const { signal } = new AbortController();
      const reason = new Error('enough');
      let left = frames;
      signal.throwIfAborted = () => {
        if (left === 0) throw reason;
        left -= 1;
      };
      await assert.rejects(lab.open({ rebuild: true, signal }), reason);
      assert.deepEqual(await lab.look(), SOUND);
    }
  });

  const every: readonly Region['what'][] = [
    'header',
    'unused',
    'watermark',
    'chunk',
    'commit',
    'table',
    'footer',
  ];
  for (const what of every) {
    it(`in a ${what} is found, and does no harm in silence`, async () => {
      let flips = 0;
      for (const [index, region] of regionsOf(lab, what).entries()) {
        for (const offset of placesIn(region, index)) {
          await assertContained(lab, region, () => {
            lab.flip(region.path, offset);
          });
          flips += 1;
        }
      }
      assert(flips >= 10, `only ${flips} flips`);
    });
  }

  it('in the very last frames is found too', async () => {
    const open = lab.regions.filter(({ path }) => path.endsWith('.open'));
    const last = open.slice(-2);
    assert.deepEqual(
      last.map(({ what }) => what),
      ['chunk', 'commit'],
    );
    for (const region of last) {
      const step = Math.ceil(region.length / 6);
      for (let offset = region.offset; offset < region.offset + region.length; offset += step) {
        await assertContained(lab, region, () => {
          lab.flip(region.path, offset);
        });
      }
    }
  });

  it('in a chunk is healed by an upload, for good', async () => {
    lab.restore();
    const [file] = lab.files;
    const digest = file?.digests[0];
    assert(file && digest);
    const region = lab.regions.find((each) => each.digest && bytesEqual(each.digest, digest));
    assert(region);
    lab.flip(region.path, region.offset + FRAME_HEADER_BYTES + 64);
    const store = await lab.open();
    const entry = store.fs.stat(file.volume, file.path);
    const [chunk] = await store.fs.manifest(file.volume, entry);
    assert(chunk);
    assert.deepEqual(
      await store.fs.missing(file.volume, [digest], { principal: 'alice', readsAll: true }),
      [],
    );
    await assert.rejects(store.fs.readChunk(file.volume, chunk), { code: 'corrupt' });
    assert.deepEqual(
      await store.fs.missing(file.volume, [digest], { principal: 'alice', readsAll: true }),
      [0],
    );
    const data = file.bytes.slice(0, chunk.length);
    await store.fs.putChunk(file.volume, { digest }, data);
    assert.deepEqual(
      await store.fs.missing(file.volume, [digest], { principal: 'alice', readsAll: true }),
      [],
    );
    assert.deepEqual(Buffer.from(await store.fs.readChunk(file.volume, chunk)), Buffer.from(data));
    await store[Symbol.asyncDispose]();
    for (const drop of [false, true]) {
      if (drop) lab.dropIndex();
      const { corrupt, missing } = await lab.look();
      assert.deepEqual([corrupt, missing], [[], []]);
    }
  });
});

describe('fsckStore()', () => {
  it('finds bytes that were wrong before they were written, which no checksum shows', async () => {
    using lab = await DamageLab.create();
    const store = await lab.open();
    const [volume] = lab.volumes;
    assert(volume);
    await store.fs.putChunk(volume, { digest: sha256(Uint8Array.of(1)) }, Uint8Array.of(2));
    await store[Symbol.asyncDispose]();
    const { problems } = await fsckStore({ directory: lab.directory });
    assert.deepEqual(
      problems.map(({ what }) => /have changed/.test(what)),
      [true],
    );
  });
});

describe('a segment file that is cut or gone', () => {
  let lab: DamageLab;
  before(async () => {
    lab = await DamageLab.create();
  });
  after(() => {
    lab[Symbol.dispose]();
  });

  it('is found at any length, and nothing acknowledged goes without a word', async () => {
    for (const name of lab.segmentNames()) {
      const path = `segments/${name}`;
      lab.restore();
      const bytes = lab.read(path);
      const boundaries = lab.regions
        .filter((each) => each.path === path)
        .map(({ offset }) => offset);
      const cuts = [1, 24, 25, 200].map((count) => bytes.length - count);
      for (const length of [...cuts, ...boundaries.filter((_, index) => index % 4 === 0)]) {
        await assertFound(lab, () => {
          lab.write(path, bytes.subarray(0, length));
        });
        for (const drop of [false, true]) {
          prepare(lab, drop, () => {
            lab.write(path, bytes.subarray(0, length));
          });
          assertSpoken(
            await lab.look(),
            `${name} cut to ${length}, index ${drop ? 'lost' : 'kept'}`,
          );
          assert(lab.size(path) >= length);
        }
      }
    }
  });

  it('is refused when it is one in the row', async () => {
    for (const name of lab.segmentNames().filter((each) => each.endsWith('.seg'))) {
      const remove = (): void => {
        lab.remove(`segments/${name}`);
      };
      await assertFound(lab, remove);
      for (const drop of [false, true]) {
        prepare(lab, drop, remove);
        assert.equal((await lab.look()).damageCount, undefined);
      }
    }
  });

  it('is refused when it is the newest: the index knows of it', async () => {
    prepare(lab, false, () => {
      lab.remove(`segments/${lab.segmentNames().at(-1) ?? ''}`);
    });
    assert.equal((await lab.look()).damageCount, undefined);
  });
});

/** Regions to damage: every frame, and of what is in each file the same that of two files. */
function regionsOf(lab: DamageLab, what: Region['what']): Region[] {
  const all = lab.regions.filter((each) => each.what === what);
  return what === 'chunk' || what === 'commit' ? all : all.filter((_, index) => isEnd(all, index));
}

/** Belongs to the first file, or to the last. */
function isEnd(all: readonly Region[], index: number): boolean {
  const path = all[index]?.path;
  return path === all[0]?.path || path === all.at(-1)?.path;
}

const PLACES: Readonly<Record<Region['what'], readonly number[]>> = {
  header: [0, 5, 8, 20, 27, 28, 31],
  unused: [0, 500, 991],
  watermark: [0, 7, 8, 14, 16, 20, 23],
  chunk: [3, 10, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 40, FRAME_HEADER_BYTES + 64, -1],
  commit: [0, 7, 17, 31, 32, 40, 70, 80, 110, 200, -120, -1],
  table: [1, 16, 29, 33, 40, 60, 90, -1],
  footer: [0, 7, 9, 14, 16, 23],
};

/** A volume that lost history takes no change; one whose later commits prove it whole takes them. */
function assertClosed(lab: DamageLab, region: Region, found: Found, where: string): void {
  const isIn = (names: readonly Uint8Array[], name: Uint8Array): boolean =>
    names.some((each) => bytesEqual(each, name));
  const behind = lab.regions.slice(lab.regions.indexOf(region) + 1);
  for (const name of lab.volumes) {
    if (isIn(found.shortened, name)) assert(isIn(found.closed, name), `${where}: history may fork`);
    const hasLater = behind.some(
      ({ what, volume }) => what === 'commit' && volume !== undefined && bytesEqual(volume, name),
    );
    const isSound = !isIn(found.shortened, name) && hasLater;
    if (isSound) assert(!isIn(found.closed, name), `${where}: a sound volume is closed`);
  }
}

/** Places to damage in a region. Frames are many: of each some, other ones each time. */
function placesIn({ what, offset, length }: Region, index: number): number[] {
  const places = PLACES[what].map((place) => offset + (place < 0 ? length + place : place));
  const inside = places.filter((place) => place < offset + length);
  const step = what === 'chunk' ? inside.length : what === 'commit' ? 5 : 1;
  return inside.filter((_, at) => (at + index) % step === 0);
}

async function assertContained(lab: DamageLab, region: Region, damage: () => void): Promise<void> {
  await assertFound(lab, damage);
  for (const drop of [false, true]) {
    prepare(lab, drop, damage);
    const size = lab.size(region.path);
    const found = await lab.look();
    const where = `${region.what} of ${region.path} at ${region.offset}, index ${drop ? 'lost' : 'kept'}`;
    assert(lab.size(region.path) >= size, `${where}: the file was cut`);
    if (found.damageCount === undefined) {
      assert(mayBeRefused(lab, region), `${where}: the store was refused`);
      continue;
    }
    assertSpoken(found, where);
    assertOnlyIn(region, found, where);
    assertClosed(lab, region, found, where);
  }
}

/** Without its header a segment cannot be trusted, without the first commit of its own log no store. */
function mayBeRefused(lab: DamageLab, region: Region): boolean {
  return region.what === 'header' || region === lab.regions.find(({ what }) => what === 'commit');
}

async function assertFound(lab: DamageLab, damage: () => void): Promise<void> {
  prepare(lab, false, damage);
  const { problems } = await fsckStore({ directory: lab.directory });
  assert(problems.length > 0, 'fsck finds nothing');
}

function prepare(lab: DamageLab, dropIndex: boolean, damage: () => void): void {
  lab.restore();
  damage();
  if (dropIndex) lab.dropIndex();
}

/** Files that are not listed any more, and history that is shorter, must have been reported. */
function assertSpoken(found: Found, where: string): void {
  if (found.damageCount !== 0) return;
  assert.deepEqual(found.missing, [], `${where}: files are gone without a word`);
  assert.deepEqual(found.shortened, [], `${where}: commits are gone without a word`);
}

/** What is not damaged can be read. */
function assertOnlyIn(region: Region, found: Found, where: string): void {
  const { volume, digest } = region;
  for (const file of [...found.corrupt, ...found.missing]) {
    assert(volume && bytesEqual(file.volume, volume), `${where}: ${file.path} suffers`);
    if (digest !== undefined) {
      const isUsed = file.digests.some((each) => bytesEqual(each, digest));
      assert(isUsed, `${where}: ${file.path} has another chunk`);
    }
  }
  for (const name of [...found.shortened, ...found.unreadable]) {
    const isOwn = region.what === 'commit' && volume !== undefined && bytesEqual(name, volume);
    assert(isOwn, `${where}: a history suffers`);
  }
  if (digest !== undefined) assert.deepEqual(found.missing, [], where);
}
