import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { concatBytes } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import { encodeFrameHeader, FRAME_HEADER_BYTES, FRAME_KIND } from '../format/segment.ts';
import { type ScanOptions, type Scanned, scanFrames } from './frame-scan.ts';

describe('scanFrames()', () => {
  it('finds each frame, with the payload that is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(payloads(), fc.nat(), async (contents, choice) => {
        const bytes = encodeFrames(contents);
        const payloadsFrom = choice % (bytes.length + 1);
        const found = await scan(bytes, { payloadsFrom });
        assert.equal(found.length, contents.length);
        for (const [index, item] of found.entries()) {
          const content = contents[index];
          assert(item.kind === 'frame' && content !== undefined);
          assert.equal(item.header.length, content.length);
          const isWhole = item.header.offset >= payloadsFrom;
          assert.deepEqual(item.payload, isWhole ? content : content.subarray(0, 64));
        }
      }),
    );
  });

  it('covers every byte once, whatever is damaged, and loses no frame that is whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        payloads(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (contents, at, flip) => {
          const bytes = encodeFrames(contents);
          const place = at % bytes.length;
          bytes[place] = (bytes[place] ?? 0) ^ flip;
          let end = 0;
          let frames = 0;
          for (const item of await scan(bytes, { payloadsFrom: 0 })) {
            const { offset, length } = extent(item);
            assert.equal(offset, end);
            end = offset + length;
            if (item.kind === 'frame') frames += 1;
            else assert(offset <= place && place < end, 'damage where none is');
          }
          assert.equal(end, bytes.length);
          assert.equal(frames, contents.length - 1);
        },
      ),
    );
  });

  it('survives any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        let end = 0;
        for (const item of await scan(bytes, { payloadsFrom: 0 })) end += extent(item).length;
        assert.equal(end, bytes.length);
      }),
    );
  });

  it('takes a frame of another place or segment for damage', async () => {
    const [bytes, other] = [encodeFrames([new Uint8Array(10)]), encodeFrames([new Uint8Array(20)])];
    const moved = await scan(concatBytes([other, bytes]), { payloadsFrom: 0 });
    assert.deepEqual(
      moved.map(({ kind }) => kind),
      ['frame', 'damage'],
    );
    const foreign = await scan(bytes, { payloadsFrom: 0, segment: 2 });
    assert.deepEqual(
      foreign.map(({ kind }) => kind),
      ['damage'],
    );
  });

  it('takes a frame that ends behind the end for damage', async () => {
    const bytes = encodeFrames([new Uint8Array(10), new Uint8Array(20)]);
    for (const end of [bytes.length - 1, bytes.length - 20, bytes.length - 51]) {
      const found = await scan(bytes, { payloadsFrom: 0, end });
      assert.deepEqual(
        found.map(({ kind }) => kind),
        ['frame', 'damage'],
      );
    }
  });

  it('reads damaged content once, even if it is full of what begins like a frame', async () => {
    const disk = new FaultDisk({ seed: 1 });
    const hostile = new Uint8Array(Buffer.alloc(2 ** 21, 'GDPF'));
    const bytes = encodeFrames([hostile, new Uint8Array(10)]);
    bytes[4] = 9;
    const found = await scan(bytes, { payloadsFrom: 0 }, disk);
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ['damage', 'frame'],
    );
    assert(disk.counts.read < 30, `${disk.counts.read} reads`);
  });
});

function payloads(): fc.Arbitrary<Uint8Array[]> {
  const magic = fc.array(fc.constantFrom(...Buffer.from('GDPF')), { maxLength: 100 });
  const hostile = magic.map((bytes) => Uint8Array.from(bytes));
  const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), hostile);
  return fc.array(payload, { minLength: 1, maxLength: 8 });
}

const STORE_ID = new Uint8Array(16).fill(7);

/** Chunk frames of segment 1, from offset 0 on. */
function encodeFrames(contents: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const content of contents) {
    const header = { kind: FRAME_KIND.chunk, segment: 1, offset, length: content.length };
    parts.push(encodeFrameHeader({ ...header, checksum: crc32(content) }, STORE_ID), content);
    offset += FRAME_HEADER_BYTES + content.length;
  }
  return concatBytes(parts);
}

function extent(item: Scanned): { readonly offset: number; readonly length: number } {
  if (item.kind === 'damage') return item;
  return { offset: item.header.offset, length: FRAME_HEADER_BYTES + item.header.length };
}

async function scan(
  bytes: Uint8Array,
  options: Partial<ScanOptions>,
  disk = new FaultDisk({ seed: 1 }),
): Promise<Scanned[]> {
  const file = await disk.open('a', { create: true });
  await file.write([bytes], 0);
  const found: Scanned[] = [];
  const all = {
    storeId: STORE_ID,
    segment: 1,
    from: 0,
    end: bytes.length,
    payloadsFrom: 0,
    ...options,
  };
  for await (const item of scanFrames(file, all)) found.push(item);
  return found;
}
