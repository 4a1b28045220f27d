/** Bodies of chunks and commits that are refused, made from the plan of a good upload of two chunks. */
import { concatBytes } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { encodeChunkHeader } from '../../src/format/chunk-frame.ts';
import { encodeRecords } from '../../src/format/commit.ts';
import { type commitOf, type FilePlan, framesOf, planAppend } from './file-plan.ts';

/** Bytes of a chunk. */
export const CHUNK = 64 * 1024;

interface BadFrames {
  readonly what: string;
  readonly code: string;
  readonly status: number;
  readonly body: (plan: FilePlan) => Uint8Array;
}

export const BAD_FRAMES: readonly BadFrames[] = [
  {
    what: 'a wrong checksum',
    code: 'bad_chunk',
    status: 422,
    body(plan) {
      const frames = framesOf(plan);
      frames[CHUNK + 16 + 100] = (frames[CHUNK + 16 + 100] ?? 0) ^ 1;
      return frames;
    },
  },
  {
    what: 'frames that overlap',
    code: 'bad_request',
    status: 400,
    body: (plan) => concatBytes([framesOf(plan), framesOf(plan, plan.chunks.slice(1))]),
  },
  {
    what: 'frames in descending order',
    code: 'bad_request',
    status: 400,
    body: (plan) => framesOf(plan, plan.chunks.toReversed()),
  },
  {
    what: 'a frame beyond the size',
    code: 'bad_request',
    status: 400,
    body: (plan) => framesOf(planAppend(plan, new Uint8Array(1), CHUNK)),
  },
  {
    what: 'a body that ends inside a frame',
    code: 'bad_request',
    status: 400,
    body: (plan) => framesOf(plan).slice(0, -1),
  },
  {
    what: 'a body that ends inside a header',
    code: 'bad_request',
    status: 400,
    body: (plan) => concatBytes([framesOf(plan), new Uint8Array(15)]),
  },
  {
    what: 'a frame without data',
    code: 'bad_request',
    status: 400,
    body: () => encodeChunkHeader({ offset: 0, checksum: 0, length: 0 }),
  },
  {
    what: 'a frame that is too long',
    code: 'bad_request',
    status: 400,
    body: () => encodeChunkHeader({ offset: 0, checksum: 0, length: LIMITS.chunkBytesMax + 1 }),
  },
  {
    what: 'a negative offset',
    code: 'bad_request',
    status: 400,
    body: () => new Uint8Array(17).fill(255, 0, 8).fill(1, 15, 16),
  },
  {
    what: 'a body that is too long',
    code: 'body_too_large',
    status: 413,
    body: () => new Uint8Array(LIMITS.chunkBodyBytesMax + 1),
  },
];

interface BadCommit {
  readonly what: string;
  readonly code: string;
  readonly status: number;
  readonly change: (good: ReturnType<typeof commitOf>, plan: FilePlan) => object;
}

const zeros = `sha256:${'0'.repeat(64)}`;
export const BAD_COMMITS: readonly BadCommit[] = [
  {
    what: 'a wrong log root',
    code: 'wrong_root',
    status: 422,
    change: ({ query }) => ({ query: { ...query, root: zeros } }),
  },
  {
    what: 'a wrong content root',
    code: 'wrong_root',
    status: 422,
    change: ({ query }) => ({ query: { ...query, content: zeros } }),
  },
  {
    what: 'another size',
    code: 'bad_request',
    status: 400,
    change: ({ query }) => ({ query: { ...query, size: query.size - 1 } }),
  },
  {
    what: 'records that end too early',
    code: 'bad_request',
    status: 400,
    change: (_, plan) => ({ body: encodeRecords(plan.records.slice(0, -1)) }),
  },
  {
    what: 'records without meta',
    code: 'bad_request',
    status: 400,
    change: (_, plan) => ({ body: encodeRecords(plan.records.slice(1)) }),
  },
  {
    what: 'no records',
    code: 'bad_request',
    status: 400,
    change: () => ({ body: new Uint8Array(0) }),
  },
];
