import { GdpfsError } from '../base/errors.ts';
import { joinPath } from '../format/path.ts';
import type { Change, ChangeResult } from '../fs/types.ts';
import type { StoredChunk } from '../log/engine.ts';
import { decodeHeads } from '../wire/entry-pack.ts';
import { authorizePath, claimantOf, type Target } from './authorize.ts';
import { withBody } from './body.ts';
import type { BulkJob, FoldedBulk } from './bulk-fold.ts';
import { BulkLogs } from './bulk-logs.ts';
import { foldBulkAside } from './bulk-threads.ts';
import { type AskedChange, commitChange, requireSigning } from './commit-change.ts';
import { changeContext, preconditionOf } from './change-context.ts';
import { requireDirectory } from './content.ts';
import { contentChunking } from './content-chunking.ts';
import type { Exchange } from './exchange.ts';
import { replyJson } from './reply.ts';

/** POST /api/v1/storage/files with a tar or a pack: many files in one commit, or none. */
export async function writeMany(
  exchange: Exchange<'storageFilesPost'>,
  form: BulkJob['form'],
): Promise<void> {
  const { query, services } = exchange;
  const { fs } = services;
  if (query.mode !== undefined || query.mtimeUs !== undefined) {
    throw new GdpfsError('bad_request', 'cannot read query: the entries have the attributes');
  }
  if (preconditionOf(exchange).precondition !== undefined) {
    throw new GdpfsError('bad_request', 'cannot use If-Match or If-None-Match with many files');
  }
  const target = authorizePath(exchange, query.path, { need: 'write' });
  requireSigning(exchange, target);
  const answer = (answered: Exchange, result: ChangeResult): void => {
    answered.trail.seq = result.seq;
    replyJson(answered, { status: 201 }, result);
  };
  // The body is not held while the change waits for its turn: its chunks are stored by then.
  const asked = await withBody(exchange, async (body): Promise<AskedChange | undefined> => {
    const folded = await foldBulkAside({ form, body, ...cutting(exchange, target) });
    const context = changeContext(exchange, target, folded.heads);
    const repeated = fs.firstResult(context);
    if (repeated !== undefined) {
      answer(exchange, repeated);
      return undefined;
    }
    if (query.parents !== true) requireDirectory(fs.stat(target.volume.name, target.path));
    const { chunks, changes } = changesOf(exchange, target, { body, folded });
    // Nothing names them yet.
    await fs.putChunks(target.volume.name, chunks);
    return { target, context, change: { kind: 'many', changes }, answer };
  });
  if (asked !== undefined) await commitChange(exchange, asked);
}

function cutting(exchange: Exchange, { volume }: Target): Omit<BulkJob, 'form' | 'body'> {
  const createdMs = exchange.services.clock.now();
  if (volume.chunking !== 'cdc') return { createdMs };
  return { createdMs, byContent: contentChunking(exchange, volume) };
}

/** The chunks that came, and what is to be made of them. */
function changesOf(
  exchange: Exchange<'storageFilesPost'>,
  target: Target,
  { body, folded }: { readonly body: Uint8Array; readonly folded: FoldedBulk },
): { readonly chunks: readonly StoredChunk[]; readonly changes: readonly Change[] } {
  const chunks: StoredChunk[] = [];
  const changes: Change[] = [];
  if (exchange.query.parents === true) {
    changes.push({ kind: 'mkdir', path: target.path, parents: true });
  }
  const logs = new BulkLogs(folded.logs);
  for (const head of decodeHeads(folded.heads)) {
    const { kind, path, mode, mtimeUs } = head;
    const common = { path: joinPath(target.path, path), parents: true, mode, mtimeUs } as const;
    if (kind === 'directory') changes.push({ kind: 'mkdir', ...common });
    else if (kind === 'symlink') changes.push({ kind: 'symlink', ...common, target: head.target });
    else {
      const { file, place } = logs.next();
      if (kind === 'reference') {
        // The volume has its only chunk, if the caller may know that.
        changes.push({ kind: 'put', ...common, file: { ...file, claimant: claimantOf(target) } });
        continue;
      }
      changes.push({ kind: 'put', ...common, file });
      for (const { offset, length, checksum, digest } of file.made.chunks) {
        const data = body.subarray(place + offset, place + offset + length);
        chunks.push({ digest, data, checksum });
      }
    }
  }
  return { chunks, changes };
}
