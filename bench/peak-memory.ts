import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Conditions } from './benchmark.ts';
import { compare } from './compare.ts';
import { mebibytes, megabytes } from './figures.ts';
import { gdpfs } from './gdpfs.ts';
import { measure } from './measure.ts';
import { peakOf } from './process-stats.ts';
import type { Row } from './report.ts';
import { makeFile, makeSparseFile, MIB } from './sources.ts';
import { openStage } from './stage.ts';

const FILE_BYTES = 2048 * MIB;
const SPARSE_FILE_BYTES = 20 * 1024 * MIB;
/** Data in the sparse file; all else of it is holes. */
const SPARSE_DATA_MIB = 64;
/** Two runs with the same file differ by as much. */
const NOISE = 1.15;
/** Of the sparse file's data: what its copy may take on the disk, for it is of whole chunks. */
const SPARSE_COPY_PARTS = 8;
const BLOCK_BYTES = 512;

interface Peaks {
  readonly up: number;
  readonly down: number;
  readonly server: number;
}

/** Memory of both sides for 2 GiB, and for 20 GiB that are mostly holes. */
export async function peakMemory(conditions: Conditions): Promise<void> {
  const { scale, report } = conditions;
  const size = Math.ceil((FILE_BYTES * scale) / MIB) * MIB;
  const sparseSize = Math.ceil((SPARSE_FILE_BYTES * scale) / MIB) * MIB;
  const sparsePieces = Math.ceil(SPARSE_DATA_MIB * scale);
  const full = await copyAlone(conditions, (path) => makeFile(path, size));
  const sparse = await copyAlone(conditions, (path) => {
    makeSparseFile(path, sparseSize, sparsePieces);
  });
  const sides = { up: 'client, up', down: 'client, down', server: 'server' };
  const rows = (['up', 'down', 'server'] as const).map((side): Row => {
    const growth = sparse.peaks[side] / full.peaks[side];
    return {
      what: `peak memory of the ${sides[side]}, for a file of ${mebibytes(sparseSize)}, sparse`,
      measured: megabytes(sparse.peaks[side]),
      beside: `for ${mebibytes(size)} without holes ${megabytes(full.peaks[side])}`,
      goal: { text: `≤ ${NOISE} times as much`, isReached: growth <= NOISE },
    };
  });
  const most = SPARSE_COPY_PARTS * sparse.sourceBytes;
  rows.push({
    what: `on the disk, the copy of the sparse file that came back`,
    measured: mebibytes(sparse.backBytes),
    beside: `the source ${mebibytes(sparse.sourceBytes)}`,
    goal: { text: `≤ ${mebibytes(most)}`, isReached: sparse.backBytes <= most },
  });
  report.section('Memory', '', rows);
}

interface CopiedAlone {
  readonly peaks: Peaks;
  /** On the disk. */
  readonly sourceBytes: number;
  readonly backBytes: number;
}

/** With a server of its own: a process remembers its peak. */
async function copyAlone(
  { signal }: Conditions,
  make: (path: string) => void,
): Promise<CopiedAlone> {
  await using stage = await openStage({ signal });
  const { folder, server } = stage;
  const contender = gdpfs(stage);
  const path = join(folder, 'source');
  const back = join(folder, 'back');
  make(path);
  const item = { kind: 'file', name: 'file' } as const;
  const up = await measure(contender.up({ ...item, path }), { signal });
  const down = await measure(contender.down({ ...item, path: back }), { signal });
  compare('file', path, back);
  const peaks = { up: up.peakBytes, down: down.peakBytes, server: peakOf(server.pid) };
  const sourceBytes = await diskBytes(path);
  const backBytes = await diskBytes(back);
  await rm(back);
  return { peaks, sourceBytes, backBytes };
}

async function diskBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * BLOCK_BYTES;
}
