import type { KeyObject } from 'node:crypto';
import { asBuffer, bytesEqual, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeBase64, signNote, verifyNote } from './signed-note.ts';

/**
 * What a volume's writer signs for a reader who may see only a part of the tree: the root of a state
 * map that has nothing else in it. The text of the note is
 *
 *     <origin of the volume's checkpoints>/view
 *     <records of the checkpoint that it is a view of, decimal>
 *     <base64 of that checkpoint's root>
 *     state <base64 of the root of the map>
 *     whole <number of a directory>      of which every name is in the map
 *     part <number of a directory>       or of which some are
 *
 * It says less than a checkpoint: that the map is a part of the volume's is the writer's word. Whoever
 * may read the whole volume can check it, and a false one is proof of what its writer has done.
 */
export interface StateView {
  readonly count: number;
  readonly root: Uint8Array;
  readonly state: Uint8Array;
  /** The directory that was looked into last. */
  readonly directory: number;
  /** Is what is not in the map not in the directory either? */
  readonly isWhole: boolean;
}

/** `origin` is that of the volume's checkpoints. */
export function signStateView(
  view: StateView,
  { origin, privateKey }: { readonly origin: string; readonly privateKey: KeyObject },
): Uint8Array {
  const lines = [
    viewOrigin(origin),
    view.count,
    asBuffer(view.root).toString('base64'),
    `state ${asBuffer(view.state).toString('base64')}`,
    `${view.isWhole ? 'whole' : 'part'} ${view.directory}`,
  ];
  assert(view.state.length === DIGEST_BYTES, 'a root is a digest');
  return signNote({ text: utf8Encode(`${lines.join('\n')}\n`), keyName: origin, privateKey });
}

/**
 * Reads a view that the writer has signed of this very checkpoint, which is verified. Throws `corrupt`,
 * `untrusted`.
 */
export function verifyStateView(
  note: Uint8Array,
  writerKey: Uint8Array,
  checkpoint: Checkpoint,
): StateView {
  const { origin, count, root } = checkpoint;
  const { text } = verifyNote(note, { publicKey: writerKey, keyName: origin });
  const [first, ownCount, ownRoot = '', state = '', last = '', ...rest] =
    utf8Decode(text).split('\n');
  const isOf = ownCount === String(count) && sameBytes(decodeBase64(ownRoot), root);
  if (first !== viewOrigin(origin) || !isOf) {
    throw new GdpfsError('untrusted', 'cannot trust view: it is of another state');
  }
  const hash = state.startsWith('state ') ? decodeBase64(state.slice(6)) : undefined;
  const [, word, number] = /^(whole|part) (0|[1-9][0-9]{0,15})$/.exec(last) ?? [];
  const directory = Number(number);
  if (hash?.length !== DIGEST_BYTES || !Number.isSafeInteger(directory) || rest.join() !== '') {
    throw new GdpfsError('corrupt', 'cannot read view: malformed');
  }
  return { count, root, state: hash, directory, isWhole: word === 'whole' };
}

function viewOrigin(origin: string): string {
  return `${origin}/view`;
}

function sameBytes(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && bytesEqual(left, right);
}
