import { base64urlEncode, bytesEqual, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import type { Checkpoint } from '../format/checkpoint.ts';
import type { Commit } from '../format/commit.ts';
import { checkPins, type FileLogRecords } from '../format/file-pins.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { MerkleFrontier } from '../format/merkle.ts';
import { type ChainState, verifyCommit } from '../format/volume-chain.ts';
import { readCommits } from './commit-stream.ts';
import type { CallOptions } from './files.ts';
import type { Session } from './session.ts';
import { Verification, type VerifyReport } from './verification.ts';
import { verifyContent } from './verify-content.ts';
import { VolumeTree } from './volume-tree.ts';
import { getCheckpoint, getVolume } from './volumes.ts';

export interface VerifyOptions extends CallOptions {
  /** Alias or 43-character name. */
  readonly volume: string;
  /** Also fetch and check the content of every live file. */
  readonly data: boolean;
  /** A checkpoint that the log must go through; by default what the server shows as the newest. */
  readonly trusted?: Checkpoint;
  readonly onProgress?: (report: VerifyReport) => void;
}

/**
 * Is everything in the volume what its writer signed? Reads all its commits, up to the newest
 * checkpoint at least, and checks name, order, signatures, roots, file logs and the tree that they
 * make; then compares what the server lists and, with `data`, the content of every live file. What
 * it finds wrong is in the report; it throws only if it cannot look.
 */
export async function verifyVolume(
  session: Session,
  { volume, data, trusted, onProgress, signal }: VerifyOptions,
): Promise<VerifyReport> {
  const verification = new Verification(onProgress);
  const { name } = await getVolume(session, volume, { signal });
  let log: VerifiedLog;
  try {
    // Before the commits: a stream of them has no end mark, so this says how far it must go.
    const newest = trusted ?? (await getCheckpoint(session, name, { signal }));
    log = await readLog(session, new VerifiedLog(name, newest, verification), signal);
  } catch (error) {
    verification.note(error);
    return verification;
  }
  const content = { volume: name, seq: log.count - 1, tree: log.tree, data, signal };
  await verifyContent(session, content, verification);
  return verification;
}

async function readLog(
  session: Session,
  log: VerifiedLog,
  signal: AbortSignal | undefined,
): Promise<VerifiedLog> {
  const next = (): number => log.count;
  const take = (commit: Commit): void => log.take(commit);
  await readCommits(session, { volume: log.name, next, take, signal });
  log.end();
  return log;
}

/** A directory log as far as it has been read and found good. */
class VerifiedLog {
  readonly tree = new VolumeTree();
  readonly name: string;
  readonly #newest: Checkpoint;
  readonly #verification: Verification;
  readonly #logs = new MemoryFileLogs();
  #state: ChainState | undefined;
  /** The log has gone through what `newest` says. */
  #hasNewest = false;

  /** `newest` is what the server said before it sent the log. */
  constructor(name: string, newest: Checkpoint, verification: Verification) {
    this.name = name;
    this.#newest = newest;
    this.#verification = verification;
  }

  get count(): number {
    return this.#state?.count ?? 0;
  }

  take(commit: Commit): void {
    const state = verifyCommit(this.#state, commit);
    if (state.kind !== LogKind.DIRECTORY || base64urlEncode(state.name) !== this.name) {
      throw new GdpfsError('untrusted', `cannot verify "${this.name}": the log is another`);
    }
    for (const { dentry } of checkPins(commit, this.#logs)) this.tree.apply(dentry);
    if (state.state !== undefined && !bytesEqual(state.state, this.tree.stateRoot())) {
      throw new GdpfsError(
        'untrusted',
        `cannot verify commit at ${commit.firstSeq}: its tree is not the one that was signed`,
      );
    }
    this.#state = state;
    if (state.count === this.#newest.count) {
      const root = MerkleFrontier.decode(state.frontier).root();
      this.#hasNewest = bytesEqual(root, this.#newest.root);
    }
    this.#verification.records = state.count;
    this.#verification.checkpoints += 1;
    this.#verification.report();
  }

  /** Throws `untrusted` if the log is not all that the server has. */
  end(): void {
    if (this.#hasNewest) return;
    throw new GdpfsError(
      'untrusted',
      `cannot verify "${this.name}": ${this.count} records came, and they do not lead to the checkpoint over ${this.#newest.count}`,
    );
  }
}

class MemoryFileLogs implements FileLogRecords {
  readonly #logs = new Map<string, Uint8Array[]>();

  read(log: Uint8Array): readonly Uint8Array[] {
    return this.#logs.get(hexEncode(log)) ?? [];
  }

  append(log: Uint8Array, records: readonly Uint8Array[]): void {
    const name = hexEncode(log);
    this.#logs.set(name, [...(this.#logs.get(name) ?? []), ...records]);
  }
}
