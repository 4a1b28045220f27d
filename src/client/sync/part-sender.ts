import { DIGEST_BYTES, formatDigest } from '../../base/digest.ts';
import { assert, type ErrorCode, type GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { errorOfFault } from '../../base/fault.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CallOptions } from '../files.ts';
import { ExchangeGate, fixedControl } from '../flow/exchange-gate.ts';
import type { LocalReader, PackedPart } from '../local-reader.ts';
import { WAY } from '../local-requests.ts';
import type { Session } from '../session.ts';
import type { Tally } from '../tally.ts';
import { missingDigests } from '../uploads.ts';
import type { Action, TreeEntry } from './action.ts';
import { hasSameAttributes } from './compare.ts';
import { sendEntries } from './send-entries.ts';

/** What travels in packs: directories, links and small files. */
export type PartAction = Extract<Action, { kind: 'file' | 'symlink' | 'directory' }>;

export interface PartSenderOptions extends CallOptions {
  /** Local directory. */
  readonly source: string;
  /** `/<volume>/<path>` of the directory that gets the entries. */
  readonly path: string;
  readonly reader: LocalReader;
  /** Ask first which chunks the volume lacks: of no use while it is empty. */
  readonly asksFirst: boolean;
  /** Resolves when the directory is there, if it is being made. */
  readonly ready?: Promise<unknown> | undefined;
  readonly tally: Tally;
}

/** Faults of one entry: the others of its pack may be fine. */
export const ENTRY_FAULTS: readonly ErrorCode[] = [
  'bad_chunk',
  'bad_request',
  'body_too_large',
  'exists',
  'is_a_directory',
  'name_too_long',
  'not_a_directory',
  'not_a_file',
  'not_empty',
];

/** How entries travel: that of content which the volume has is a waste of the wire. */
type Content = 'asked' | 'whole';

/** Sends parts of a tree as packs, each of which is committed whole or not at all. */
export class PartSender {
  readonly #session: Session;
  readonly #options: PartSenderOptions;
  /** More at once would all be ready at the same time, and nothing would be packed meanwhile. */
  readonly #packs = new ExchangeGate(fixedControl(LIMITS.tarStreamsInFlight));

  constructor(session: Session, options: PartSenderOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** All of `part`, or, if something in it is refused, all others. Failures go to the tally. */
  async send(part: readonly PartAction[]): Promise<void> {
    await this.#send(part, this.#options.asksFirst ? 'asked' : 'whole');
  }

  async #send(part: readonly PartAction[], content: Content): Promise<void> {
    const { reader } = this.#options;
    const packed = await reader.pack(part.map(packedEntry));
    const { entries } = packed;
    const faulty = new Set(packed.faults.map(({ index }) => index));
    const rows = part.map((action, index): Row => {
      const entry = entries[index];
      assert(entry !== undefined, 'there is a row for each action');
      return { action, entry, isFaulty: faulty.has(index), isSame: packed.isSame[index] === 1 };
    });
    // What is missing is asked while the directory is being made.
    const asking = this.#waysOf(rows, packed, content);
    asking.catch(() => {});
    await this.#options.ready;
    const ways = await asking;
    const pack = await packed.finish(ways);
    try {
      if (pack !== undefined) await this.#post(pack);
    } catch (error) {
      return await this.#sendOtherwise(part, content, error);
    }
    if (pack !== undefined) reader.recycle(pack);
    for (const { index, fault } of packed.faults) {
      const error = errorOfFault(fault);
      if (!isGdpfsError(error)) throw error;
      this.#fail(part[index], error);
    }
    this.#count(rows, ways);
  }

  async #sendOtherwise(
    part: readonly PartAction[],
    content: Content,
    error: unknown,
  ): Promise<void> {
    // What the volume had a moment ago may be gone, or rotten. If nothing was left out, it is a bug.
    const isLost = isGdpfsError(error, 'chunk_missing') && content === 'asked';
    if (isLost) return await this.#send(part, 'whole');
    if (!isGdpfsError(error, ...ENTRY_FAULTS)) throw error;
    const [first] = part;
    if (first !== undefined && part.length === 1) {
      return this.#options.tally.fail({ path: this.#remotePath(first.entry), error });
    }
    const middle = Math.ceil(part.length / 2);
    await this.send(part.slice(0, middle));
    await this.send(part.slice(middle));
  }

  /** One for each row. */
  async #waysOf(rows: readonly Row[], packed: PackedPart, content: Content): Promise<Uint8Array> {
    const ways = new Uint8Array(rows.length);
    const present =
      content === 'asked' ? await this.#present(rows, packed.digests) : new Set<number>();
    for (const [index, row] of rows.entries()) {
      const { action, entry, isSame, isFaulty } = row;
      if (isFaulty) continue;
      const isPresent = entry.size === 0 || content === 'whole' || present.has(index);
      // What is there as it should be is left alone, unless its chunk is lost.
      const isDone = isSame && isPresent && hasAttributes(action, entry);
      if (isDone) ways[index] = WAY.none;
      else ways[index] = present.has(index) ? WAY.reference : WAY.whole;
    }
    return ways;
  }

  /** Indexes of the rows whose content the volume has. */
  async #present(rows: readonly Row[], digests: Uint8Array): Promise<Set<number>> {
    const { path, signal } = this.#options;
    const asked: number[] = [];
    for (const [index, { entry, isFaulty }] of rows.entries()) {
      if (entry.kind === 'file' && entry.size > 0 && !isFaulty) asked.push(index);
    }
    if (asked.length === 0) return new Set();
    const missing = await missingDigests(this.#session, {
      path,
      digests: asked.map((index) =>
        digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
      ),
      signal,
    });
    const lacking = new Set(missing.map((position) => asked[position]));
    return new Set(asked.filter((index) => !lacking.has(index)));
  }

  async #post(pack: Uint8Array): Promise<void> {
    const { path, signal } = this.#options;
    const exchange = (): Promise<void> => sendEntries(this.#session, pack, { path, signal });
    await this.#packs.pass(exchange, signal);
  }

  #count(rows: readonly Row[], ways: Uint8Array): void {
    const { tally } = this.#options;
    let bytes = 0;
    for (const [index, { entry, isFaulty }] of rows.entries()) {
      if (isFaulty) continue;
      if (entry.kind === 'file') {
        bytes += entry.size;
        const isSent = ways[index] === WAY.whole;
        tally.files += 1;
        if (isSent) tally.bytesSent += entry.size;
        else tally.bytesReused += entry.size;
      } else if (entry.kind === 'directory') tally.directories += 1;
      else tally.links += 1;
    }
    tally.addBytes(bytes);
    this.#tell(rows, ways);
  }

  /** One event for each name, where somebody listens. */
  #tell(rows: readonly Row[], ways: Uint8Array): void {
    const { observer } = this.#options.tally;
    if (observer.file === undefined && observer.change === undefined) return;
    for (const [index, { entry, isFaulty }] of rows.entries()) {
      if (isFaulty) continue;
      const path = this.#remotePath(entry);
      const { kind, size } = entry;
      const bytesSent = ways[index] === WAY.whole ? size : 0;
      if (kind === 'file')
        observer.file?.({ path, size, bytesSent, bytesReused: size - bytesSent });
      else observer.change?.({ kind: kind === 'directory' ? 'directory' : 'link', path });
    }
  }

  #fail(action: PartAction | undefined, error: GdpfsError): void {
    assert(action !== undefined, 'a fault belongs to an action');
    this.#options.tally.fail({ path: `${this.#options.source}/${action.entry.relative}`, error });
  }

  #remotePath({ relative }: TreeEntry): string {
    return `${this.#options.path}/${relative}`;
  }
}

interface Row {
  readonly action: PartAction;
  /** As it was packed. */
  readonly entry: TreeEntry;
  readonly isFaulty: boolean;
  /** The destination has the same content. */
  readonly isSame: boolean;
}

/** With the content root that the destination has, to compare with. */
function packedEntry({ entry, existing }: PartAction): TreeEntry {
  const content = existing?.content;
  return entry.kind === 'file' && content !== undefined ? { ...entry, content } : entry;
}

function hasAttributes({ existing }: PartAction, entry: TreeEntry): boolean {
  return existing !== undefined && hasSameAttributes(entry, existing, {});
}

/** As the server names it. */
export function etagOf({ content }: TreeEntry): string | undefined {
  return content === undefined ? undefined : formatDigest(content);
}
