import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { concatBytes, EMPTY_BYTES } from '../base/bytes.ts';
import { crc32, formatDigest, sha256 } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeChunkHeader } from '../format/chunk-frame.ts';
import { contentRoot } from '../format/content.ts';
import type { Chunk, Manifest } from '../format/manifest.ts';
import { FileDownload } from './file-download.ts';
import type { ApiRequest, Session } from './session.ts';

/** So large that each chunk takes a request of its own. */
const CHUNK = LIMITS.bodyBytesTarget / 2 + 1;
const CHUNKS = 3;

interface Version {
  readonly data: Buffer;
  readonly manifest: Manifest;
  readonly etag: string;
}

/** Versions that have all chunks but the first in common. */
const VERSIONS = [1, 2, 3].map((number): Version => {
  const parts = Array.from({ length: CHUNKS }, (_, index) => {
    return Buffer.alloc(CHUNK, index === 0 ? 100 + number : index);
  });
  const chunks = parts.map((bytes, index): Chunk => {
    const offset = index * CHUNK;
    return { offset, length: CHUNK, checksum: crc32(bytes), digest: sha256(bytes) };
  });
  const manifest = { size: CHUNKS * CHUNK, chunks };
  return { data: Buffer.concat(parts), manifest, etag: formatDigest(contentRoot(manifest)) };
});

/** Answers for chunks of one version when `turn` resolves; true from it means that the network fails. */
function fakeSession(version: Version, turn: () => Promise<boolean>): Session {
  const request = async ({ query, into }: ApiRequest) => {
    if (await turn()) throw new GdpfsError('changed', 'the network has failed');
    const { ranges } = query as { ranges: string };
    const frames = version.manifest.chunks
      .filter(({ offset, length }) => ranges.split(',').includes(`${offset}:${length}`))
      .map((chunk) => {
        const bytes = version.data.subarray(chunk.offset, chunk.offset + chunk.length);
        return concatBytes([encodeChunkHeader(chunk), bytes]);
      });
    for (const [index, frame] of frames.entries()) into?.[index]?.set(frame);
    return { headers: {}, body: EMPTY_BYTES, bodyBytes: concatBytes(frames).length };
  };
  return {
    url: 'https://gdpfs.test',
    hasChanged: false,
    request,
    [Symbol.asyncDispose]: async () => {},
  } as Session;
}

async function download(session: Session, version: Version, target: string): Promise<void> {
  const { manifest, etag } = version;
  const attributes = { mode: 0o600, mtimeUs: 0, path: '/v/file', size: manifest.size };
  await using file = new FileDownload(session, {
    version: { ...attributes, etag, signal: undefined },
    manifest,
    target,
    transfer: {},
    onProgress: () => {},
  });
  await file.run();
}

/** What may happen when a body is due: it comes, the network fails, or all parts are removed. */
const EVENT = fc.constantFrom('come', 'come', 'come', 'fail', 'remove' as const);

test('any number of downloads of one target, cut off and disturbed at any body, leave one whole version', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.nat(VERSIONS.length - 1), { minLength: 1, maxLength: 4 }),
      fc.array(EVENT, { maxLength: 20 }),
      async (scheduler, numbers, events) => {
        const versions = VERSIONS.filter((_, number) => numbers.includes(number));
        using folder = new Scratch();
        const target = join(folder.path, 'file');
        let finished = 0;
        const requireWhole = (): void => {
          const names = readdirSync(folder.path);
          if (!names.includes('file')) return assert.equal(finished, 0, 'the target stays');
          const data = readFileSync(target);
          assert(
            VERSIONS.some((version) => version.data.equals(data)),
            'it is whole',
          );
        };
        const turn = async (): Promise<boolean> => {
          await scheduler.schedule(Promise.resolve());
          requireWhole();
          const event = events.shift();
          if (event === 'remove') {
            const parts = readdirSync(folder.path).filter((name) => name !== 'file');
            for (const name of parts) rmSync(join(folder.path, name), { force: true });
          }
          return event === 'fail';
        };
        const runUntilDone = async (number: number): Promise<void> => {
          const version = VERSIONS[number];
          assert(version !== undefined);
          for (;;) {
            try {
              await download(fakeSession(version, turn), version, target);
              break;
            } catch (error) {
              if (!isGdpfsError(error, 'changed')) throw error;
            }
          }
          finished += 1;
          requireWhole();
        };
        const running = Promise.all(numbers.map(runUntilDone));
        await scheduler.waitFor(running);
        const data = readFileSync(target);
        assert(versions.some((version) => version.data.equals(data)));
        assert.deepEqual(readdirSync(folder.path), ['file']);
      },
    ),
    { numRuns: 40 },
  );
});
