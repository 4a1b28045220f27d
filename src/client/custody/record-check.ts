import { bytesEqual } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { decodeDentry } from '../../format/dentry.ts';
import { NodeKind } from '../../format/generated/gdpfs_pb.js';
import { baseName, parentPath } from '../../format/path.ts';
import type { DentryInit } from '../../format/record-encoder.ts';
import { decodeRecord, encodeRecord } from '../../format/records.ts';
import type { StateEntry } from '../../format/state-entry.ts';
import { ROOT_NODE } from '../../format/tree-fold.ts';
import type { ProvenState } from './proven-state.ts';

/** Where a path leads. */
export interface Place {
  readonly parent: number;
  /** Empty for the root directory. */
  readonly name: string;
  readonly entry: StateEntry | undefined;
}

const DIRECTORY_MODE = 0o755;

/**
 * Compares records that a writer is to sign with those that follow from what was asked for, one behind
 * the other, and follows them in the state. What is another one, or one too many or too few, is
 * `untrusted`.
 */
export class RecordCheck {
  readonly #state: ProvenState;
  readonly #records: readonly Uint8Array[];
  readonly #count: number;
  readonly #author: string;
  readonly #nowUs: number;
  #next = 0;
  /** Directories that are there for sure: their paths and nodes. Cleared by what may move one. */
  readonly #directories = new Map<string, number>();

  constructor(options: {
    readonly state: ProvenState;
    readonly records: readonly Uint8Array[];
    /** Records of the log before them. */
    readonly count: number;
    /** Principal. */
    readonly author: string;
    readonly nowMs: number;
  }) {
    this.#state = options.state;
    this.#records = options.records;
    this.#count = options.count;
    this.#author = options.author;
    this.#nowUs = options.nowMs * 1000;
  }

  /** With `parents`, missing directories on the way must be made. */
  resolve(path: string, parents = false): Place {
    const name = baseName(path);
    if (path === '') return { parent: ROOT_NODE, name: '', entry: undefined };
    const parent = this.#directory(parentPath(path), parents);
    return { parent, name, entry: this.#state.at(parent, name) };
  }

  existing(path: string): StateEntry {
    const { entry } = this.resolve(path);
    if (entry === undefined) throw elsewise(`nothing is proven to be at "${path}"`);
    return entry;
  }

  #directory(path: string, parents: boolean): number {
    if (path === '') return ROOT_NODE;
    const known = this.#directories.get(path) ?? this.#findDirectory(path, parents);
    this.#directories.set(path, known);
    return known;
  }

  #findDirectory(path: string, parents: boolean): number {
    const { parent, name, entry } = this.resolve(path, parents);
    if (entry?.kind === NodeKind.DIRECTORY) return entry.node;
    if (entry !== undefined || !parents) throw elsewise(`"${path}" is no directory`);
    const made = this.expect(
      { parent: BigInt(parent), name, mode: DIRECTORY_MODE, kind: NodeKind.DIRECTORY },
      undefined,
    );
    return made.node;
  }

  /**
   * The next record must be this one; the time of a change that says none is about now. `before` is what
   * the record moves or changes.
   */
  expect(
    init: DentryInit,
    before: StateEntry | undefined,
    { isNow = init.mtimeUs === undefined }: { readonly isNow?: boolean } = {},
  ): StateEntry {
    const record = this.#records[this.#next];
    const seq = this.#count + this.#next;
    if (record === undefined) throw elsewise('a record is missing');
    const whole: DentryInit = { ...init, author: this.#author };
    if (isNow) whole.mtimeUs = this.#timeOf(record);
    if (!bytesEqual(encodeRecord({ case: 'dentry', value: whole }), record)) {
      throw elsewise(`record ${seq} is not about "${init.name ?? ''}" as it was asked for`);
    }
    this.#next += 1;
    const dentry = decodeDentry(seq, whole);
    if ('removed' in dentry) throw new GdpfsError('internal', 'cannot check: a removal');
    if (before !== undefined) this.#forget(before);
    this.#state.place(dentry);
    return dentry;
  }

  /** The next record must remove the entry. */
  expectRemoval({ parent, name, node, kind }: StateEntry): void {
    const record = this.#records[this.#next];
    const dentry: DentryInit = {
      parent: BigInt(parent),
      name,
      node: BigInt(node),
      kind,
      removed: true,
      author: this.#author,
    };
    if (
      record === undefined ||
      !bytesEqual(encodeRecord({ case: 'dentry', value: dentry }), record)
    ) {
      throw elsewise(`it does not remove "${name}"`);
    }
    this.#next += 1;
    this.#forget({ parent, name, kind });
  }

  #forget(entry: Pick<StateEntry, 'parent' | 'name' | 'kind'>): void {
    if (entry.kind === NodeKind.DIRECTORY) this.#directories.clear();
    this.#state.remove(entry);
  }

  /** The next record as it is, for what no path is about. */
  expectBytes(bytes: Uint8Array): void {
    const record = this.#records[this.#next];
    if (record === undefined || !bytesEqual(bytes, record)) {
      throw elsewise(`record ${this.#count + this.#next} is another`);
    }
    this.#next += 1;
  }

  children(node: number): StateEntry[] {
    return this.#state.children(node);
  }

  /** Nothing may follow. */
  end(): void {
    const more = this.#records.length - this.#next;
    if (more > 0) throw elsewise(`${more} more records were added to it`);
  }

  #timeOf(record: Uint8Array): bigint {
    const body = decodeRecord(record);
    const mtimeUs = body.case === 'dentry' ? body.value.mtimeUs : 0n;
    if (Math.abs(Number(mtimeUs) - this.#nowUs) <= LIMITS.signingClockSkewMs * 1000) return mtimeUs;
    throw elsewise('the time that it says is not about now');
  }
}

/** What the server prepared is not what was asked for. */
export function elsewise(why: string): GdpfsError {
  return new GdpfsError(
    'untrusted',
    `cannot sign change: the server prepared another one: ${why}`,
    {
      hint: 'nothing was signed, and nothing has changed',
    },
  );
}
