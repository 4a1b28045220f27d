import { base64urlDecode, bytesEqual, utf8Encode } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { verifyCheckpoint } from '../format/checkpoint.ts';
import {
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from '../format/checkpoint-proof.ts';
import { decodeDentry } from '../format/dentry.ts';
import { LogKind, NodeKind } from '../format/generated/gdpfs_pb.js';
import { leafHash, verifyInclusion } from '../format/merkle.ts';
import { ownerMark, verifySuccession } from '../format/owner-rotation.ts';
import { checkpointOrigin, ownerKeys, type Policy, verifyPolicy } from '../format/policy.ts';
import { decodeMeta, decodeRecord } from '../format/records.ts';
import type { LogEntry, LogPage, VolumeLogGetQuery } from '../wire/generated/api.ts';
import type { CallOptions } from './files.ts';
import { jsonOf, type Session } from './session.ts';
import { decoded, decodeProof, type TrustedVolume } from './trust/volume-trust.ts';

/** One change of a volume. All but `path` is what was signed. */
export interface LogLine {
  readonly seq: number;
  /** Inside the volume; its directory is where the server says that it is now, or was last. */
  readonly path: string;
  readonly change: 'created' | 'changed' | 'removed' | 'policy' | 'volume';
  readonly kind?: 'file' | 'directory' | 'symlink';
  readonly node?: number;
  /** Bytes of a file. */
  readonly size?: number;
  /** Content root of a file. */
  readonly etag?: string;
  readonly author: string;
  /** Of the commit, as its writer signed it. */
  readonly timeMs: number;
  /** Of the key that signed the commit. */
  readonly epoch: number;
  /**
   * `signed`: the record is in the log, and the note of its commit is signed. `in log`: the record is,
   * but by whom its commit was signed, and so its time, is the server's word: a key of the past.
   */
  readonly signature: 'signed' | 'in log';
}

export interface ReadLogOptions extends CallOptions {
  /** Inside the volume; `''` for all of it. */
  readonly path: string;
  readonly before?: number | undefined;
}

/**
 * Who changed what, the newest first; every line is proven to be in the log that leads to a checkpoint
 * which continues the one that was seen of the volume. Throws `untrusted`.
 */
export async function* readLog(
  session: Session,
  trusted: TrustedVolume,
  { path, before, signal }: ReadLogOptions,
): AsyncGenerator<LogLine, void, void> {
  let next = before;
  do {
    const query: VolumeLogGetQuery = {
      path,
      since: trusted.checkpoint.count,
      limit: LIMITS.logPageDefault,
      ...(next === undefined ? {} : { before: next }),
    };
    const route = `/api/v1/volumes/${trusted.name}/log`;
    const page = jsonOf<LogPage>(await session.request({ method: 'GET', route, query, signal }));
    const proven = new ProvenPage(trusted, page);
    for (const entry of page.entries) yield proven.line(entry);
    if (page.before !== undefined && page.before >= (next ?? Number.MAX_SAFE_INTEGER)) {
      throw new GdpfsError('corrupt', 'cannot read log: its pages do not end');
    }
    next = page.before;
  } while (next !== undefined);
}

class ProvenPage {
  readonly #page: LogPage;
  readonly #name: Uint8Array;
  readonly #checkpoint: ProvenCheckpoint;
  readonly #policies: readonly Policy[];
  /** By their numbers in the page. */
  readonly #commits = new Map<number, Pick<LogLine, 'timeMs' | 'epoch' | 'signature'>>();

  constructor(trusted: TrustedVolume, page: LogPage) {
    const proof = decodeProof(page.proof);
    const name = base64urlDecode(trusted.name) ?? new Uint8Array(0);
    this.#page = page;
    this.#name = name;
    const checkpoint = verifyCheckpointProof(name, proof);
    verifyContinuation(trusted.checkpoint, checkpoint, proof.consistency);
    this.#checkpoint = checkpoint;
    const { ownerKey } = decodeMeta(proof.meta, LogKind.DIRECTORY);
    this.#policies = page.policies.map((text) => {
      const body = decodeRecord(decoded(text));
      if (body.case !== 'volume') throw untrusted('what names a key is no policy');
      const policy = verifyPolicy(name, ownerKey, body.value);
      verifySuccession(ownerMark(ownerKeys(policy)), checkpoint.ownerKeys);
      return policy;
    });
  }

  line(entry: LogEntry): LogLine {
    const { seq, path } = entry;
    const record = decoded(entry.record);
    const { count, root } = this.#checkpoint;
    const proof = entry.inclusion.map(decoded);
    if (!verifyInclusion({ leafHash: leafHash(record), index: seq, count, proof, root })) {
      throw untrusted(`record ${seq} is not in it`);
    }
    return { seq, path, ...whatOf(seq, record), ...this.#commit(entry.commit) };
  }

  #commit(index: number): Pick<LogLine, 'timeMs' | 'epoch' | 'signature'> {
    let commit = this.#commits.get(index);
    if (commit === undefined) {
      commit = this.#readCommit(this.#page.commits[index] ?? '');
      this.#commits.set(index, commit);
    }
    return commit;
  }

  #readCommit(note: string): Pick<LogLine, 'timeMs' | 'epoch' | 'signature'> {
    const keyName = checkpointOrigin(this.#name);
    for (const { writerKey, epoch: own } of this.#policies) {
      try {
        const key = { publicKey: writerKey, keyName };
        const { timeMs, epoch } = verifyCheckpoint(utf8Encode(note), key);
        // The key in force may have been in force for some epochs already.
        const isInForce = bytesEqual(writerKey, this.#checkpoint.writerKey);
        if (epoch === own || isInForce) return { timeMs, epoch, signature: 'signed' };
      } catch (error) {
        if (!isGdpfsError(error, 'untrusted')) throw error;
      }
    }
    const [, time = ''] = /^time (\d+)$/m.exec(note) ?? [];
    const [, epoch = ''] = /^epoch (\d+)$/m.exec(note) ?? [];
    return { timeMs: Number(time), epoch: Number(epoch), signature: 'in log' };
  }
}

type What = Pick<LogLine, 'change' | 'author' | 'kind' | 'node' | 'size' | 'etag'>;

function whatOf(seq: number, record: Uint8Array): What {
  const body = decodeRecord(record);
  if (body.case === 'meta') return { change: 'volume', author: '' };
  if (body.case !== 'dentry') return { change: 'policy', author: '' };
  const dentry = decodeDentry(seq, body.value);
  const { author } = body.value;
  if ('removed' in dentry) return { change: 'removed', author, node: dentry.node };
  const { isNew, node, kind, size, file } = dentry;
  return {
    change: isNew ? 'created' : 'changed',
    author,
    kind: kind === NodeKind.FILE ? 'file' : kind === NodeKind.DIRECTORY ? 'directory' : 'symlink',
    node,
    ...(file === undefined ? {} : { size, etag: formatDigest(file.content) }),
  };
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust log: ${why}`);
}
