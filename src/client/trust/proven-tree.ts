import { base64urlDecode, bytesEqual } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import type { Checkpoint } from '../../format/checkpoint.ts';
import {
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from '../../format/checkpoint-proof.ts';
import { LogKind, NodeKind } from '../../format/generated/gdpfs_pb.js';
import { formatApiPath, joinPath, splitPath, formatRemotePath } from '../../format/path.ts';
import { decodeMeta } from '../../format/records.ts';
import {
  decodeStateEntry,
  hashStateEntry,
  type StateEntry,
  stateKey,
} from '../../format/state-entry.ts';
import { decodeStateEvidence, type StateEvidence } from '../../format/state-evidence.ts';
import { directoryRange, StateProof } from '../../format/state-proof.ts';
import { type StateView, verifyStateView } from '../../format/state-view.ts';
import { ROOT_NODE } from '../../format/tree-fold.ts';
import type { Entry, VolumeProofGetQuery } from '../../wire/generated/api.ts';
import { entryJson } from '../../wire/entry-json.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import type { TrustedVolume } from './volume-trust.ts';

/** What a volume's writer has signed of its tree, as far as it was asked for. */
export interface ProvenPage {
  readonly entry: Entry;
  readonly entries: readonly Entry[];
  /** As the state map has them; the root directory is not in it. */
  readonly leaf: StateEntry | undefined;
  readonly leaves: readonly StateEntry[];
  /** Name behind which the next page begins. */
  readonly cursor: string | undefined;
  /** seq of the state. */
  readonly seq: number;
}

export interface Question extends CallOptions {
  /** Inside the volume, parsed. */
  readonly path: string;
  readonly list?: { readonly cursor: string; readonly limit: number };
  /** A seq or an RFC 3339 time; now if absent. */
  readonly at?: string | undefined;
}

/**
 * What is at the path, and with `list` a page of what is in it, believing nothing but the checkpoint
 * that was seen of the volume before. Throws `not_found` or `not_a_directory` if that is proven, and
 * `untrusted` if the answer is not proven.
 */
export async function askProven(
  session: Session,
  trusted: TrustedVolume,
  question: Question,
): Promise<ProvenPage> {
  const { path, list, at } = question;
  const tree = new ProvenTree(trusted, await fetchEvidence(session, trusted, question), at);
  await requireSight(trusted, tree);
  const place = tree.walk(path);
  const page = list === undefined ? undefined : tree.list(place, list.cursor);
  // Of the root directory itself there is nothing to prove.
  if (path !== '' || page !== undefined) await noteSight(trusted, tree);
  return page ?? { ...tree.page(place), entries: [], leaves: [], cursor: undefined };
}

/** The body that proves the answer; nothing of it is checked yet. */
export async function fetchEvidence(
  session: Session,
  trusted: TrustedVolume,
  { path, list, at, signal }: Question,
): Promise<Uint8Array> {
  const query: VolumeProofGetQuery = {
    path,
    since: trusted.checkpoint.count,
    ...(at === undefined ? {} : { at }),
    ...(list === undefined ? {} : { list: 'children', limit: list.limit }),
    ...(list === undefined || list.cursor === '' ? {} : { cursor: list.cursor }),
  };
  const answer = await session.request({
    method: 'GET',
    route: `/api/v1/volumes/${trusted.name}/proof`,
    query,
    accept: MEDIA_TYPES.evidence,
    signal,
  });
  return answer.body;
}

/** What a body of evidence says is at the path. Throws as `askProven` does. */
export async function readEvidence(
  trusted: TrustedVolume,
  body: Uint8Array,
  path: string,
): Promise<Entry> {
  const tree = new ProvenTree(trusted, body);
  await requireSight(trusted, tree);
  return tree.walk(path).entry;
}

/**
 * A view is weaker than a proof from the whole tree: whoever has the writer's key can sign a false one and
 * leave no trace in the log. So who was shown the whole is not content with a part any more.
 */
async function requireSight(trusted: TrustedVolume, { isPart }: ProvenTree): Promise<void> {
  const { store, name, principal, reference } = trusted;
  if (!isPart || !(await store.hasSeenWhole(name, principal))) return;
  throw new GdpfsError(
    'untrusted',
    `cannot use volume "${reference}": the server proves a part of it only, and proved the whole before`,
    {
      hint: `if "${principal}" may see less than before: gdpfs volume trust --reset gdp://${reference}`,
    },
  );
}

/** Volumes of which this process has noted that the whole was shown. */
const noted = new WeakSet<TrustedVolume>();

/** Something was proven from the tree. */
async function noteSight(trusted: TrustedVolume, { isPart }: ProvenTree): Promise<void> {
  const { store, name, principal } = trusted;
  if (isPart || noted.has(trusted)) return;
  if (!(await store.hasSeenWhole(name, principal))) await store.seeWhole(name, principal);
  noted.add(trusted);
}

interface Place {
  readonly path: string;
  readonly node: number;
  readonly entry: Entry;
  readonly leaf: StateEntry | undefined;
}

/** The part of a tree that one body of evidence shows. */
class ProvenTree {
  readonly #trusted: TrustedVolume;
  readonly #checkpoint: Checkpoint;
  readonly #createdUs: number;
  readonly #proof: StateProof;
  readonly #view: StateView | undefined;
  readonly #last: string;
  /** By the hashes of their leaves, in hexadecimal. */
  readonly #entries = new Map<string, StateEntry>();

  constructor(trusted: TrustedVolume, body: Uint8Array, at?: string) {
    const evidence = decodeStateEvidence(body);
    const name = base64urlDecode(trusted.name);
    if (name === undefined) throw unproven('the name of the volume is none');
    this.#trusted = trusted;
    const { newest, shown } = verifyMoment(name, trusted, evidence, at);
    this.#checkpoint = shown;
    const { view } = evidence;
    this.#view = view && verifyStateView(view, newest.writerKey, shown);
    const { state } = this.#view ?? this.#checkpoint;
    if (state === undefined) {
      throw unproven('its checkpoint says nothing of the state: nothing was changed in it yet');
    }
    this.#createdUs =
      Number(decodeMeta(evidence.checkpoint.meta, LogKind.DIRECTORY).createdMs) * 1000;
    this.#proof = new StateProof(state, evidence.nodes);
    this.#last = evidence.last;
    for (const bytes of evidence.entries) {
      this.#entries.set(hexOf(hashStateEntry(bytes)), decodeStateEntry(bytes));
    }
  }

  /** Is it the part of it that a reader may see, by the word of the writer? */
  get isPart(): boolean {
    return this.#view !== undefined;
  }

  /** Follows the path, each step of which must be proven. */
  walk(path: string): Place {
    let place = this.#root();
    for (const name of splitPath(path)) {
      if (place.entry.kind !== 'directory') {
        throw this.#refusal('not_a_directory', path, `"${place.path}" is not a directory`);
      }
      const hash = this.#proof.leaf(place.node, name);
      const walked = joinPath(place.path, name);
      if (hash === undefined) {
        this.#requireView(place.node, { whole: true });
        throw this.#refusal('not_found', path, 'it does not exist');
      }
      const leaf = this.#entry(hash, stateKey(place.node, name));
      place = { path: walked, node: leaf.node, entry: this.#json(walked, leaf), leaf };
    }
    return place;
  }

  page({ entry, leaf }: Place): Pick<ProvenPage, 'entry' | 'leaf' | 'seq'> {
    return { entry, leaf, seq: this.#checkpoint.count - 1 };
  }

  list(place: Place, after: string): ProvenPage {
    const { path, node, entry } = place;
    if (entry.kind !== 'directory') {
      throw this.#refusal('not_a_directory', path, `it is a ${entry.kind}`);
    }
    this.#requireView(node, { whole: false });
    const cursor = this.#last === '' ? undefined : this.#last;
    const leaves = this.#proof.range(directoryRange(node, { after, last: cursor }));
    const found = leaves.map(({ key, hash }) => this.#entry(hash, key));
    const entries = found.map((leaf) => this.#json(joinPath(path, leaf.name), leaf));
    if (cursor !== undefined && entries.at(-1)?.name !== cursor) {
      throw unproven('the page does not end where it says');
    }
    return { ...this.page(place), entries, leaves: found, cursor };
  }

  #entry(hash: Uint8Array, key: Uint8Array): StateEntry {
    const entry = this.#entries.get(hexOf(hash));
    if (entry === undefined) throw unproven('an entry is missing');
    // Its writer has put it there; that it names its own place is what makes it an entry.
    if (!bytesEqual(stateKey(entry.parent, entry.name), key)) {
      throw unproven('an entry is not at its place');
    }
    return entry;
  }

  /** What is not in a part of the map may be there all the same, unless the writer says that it is not. */
  #requireView(directory: number, { whole }: { readonly whole: boolean }): void {
    if (this.#view === undefined) return;
    if (this.#view.directory === directory && (this.#view.isWhole || !whole)) return;
    throw unproven('the part of the tree that is shown says nothing of it');
  }

  #root(): Place {
    const { reference } = this.#trusted;
    const entry: Entry = {
      path: formatApiPath({ volume: reference, path: '' }),
      name: '',
      kind: 'directory',
      node: ROOT_NODE,
      seq: 0,
      size: 0,
      mode: ROOT_MODE,
      mtimeUs: this.#createdUs,
      author: '',
    };
    return { path: '', node: ROOT_NODE, entry, leaf: undefined };
  }

  #json(path: string, entry: StateEntry): Entry {
    const kind = KINDS[entry.kind] ?? 'file';
    return entryJson(this.#trusted.reference, { ...entry, path, kind });
  }

  #refusal(code: 'not_found' | 'not_a_directory', path: string, state: string): GdpfsError {
    const text = formatRemotePath({ volume: this.#trusted.reference, path });
    return new GdpfsError(code, `cannot find ${JSON.stringify(text)}: ${state}, as is proven`);
  }
}

/** The newest checkpoint, and that of the state that the evidence is about, which the newest one continues. */
function verifyMoment(
  name: Uint8Array,
  { checkpoint: seen }: TrustedVolume,
  { checkpoint: proof, past }: StateEvidence,
  at: string | undefined,
): { readonly newest: ProvenCheckpoint; readonly shown: ProvenCheckpoint } {
  const newest = verifyCheckpointProof(name, proof);
  verifyContinuation(seen, newest, proof.consistency);
  if (at === undefined) {
    if (past === undefined) return { newest, shown: newest };
    throw unproven('it is of the past');
  }
  const shown = past === undefined ? newest : verifyCheckpointProof(name, { ...proof, ...past });
  if (past !== undefined) verifyContinuation(shown, newest, past.consistency);
  const isSeq = /^[0-9]+$/.test(at);
  const isOfMoment = isSeq ? shown.count === Number(at) + 1 : shown.timeMs <= Date.parse(at);
  if (isOfMoment) return { newest, shown };
  throw unproven('it is of another moment');
}

/** Of the root directory, of which no dentry speaks. */
const ROOT_MODE = 0o755;

const KINDS: Readonly<Record<number, Entry['kind']>> = {
  [NodeKind.FILE]: 'file',
  [NodeKind.DIRECTORY]: 'directory',
  [NodeKind.SYMLINK]: 'symlink',
};

function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}

function unproven(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust what the server says is there: ${why}`);
}
