import { base64urlDecode } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { parseCheckpoint } from '../../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../../format/cosignature.ts';
import { checkpointOrigin } from '../../format/policy.ts';
import type { CallOptions } from '../files.ts';
import { proveBetween, trustAgain, type TrustedVolume } from './volume-trust.ts';

/**
 * Holds the server to a checkpoint that a witness has cosigned: it is of this volume, and the newest
 * one is the same or continues it. So a server cannot show its clients different histories if they
 * ask the same witness. Returns the time of the cosignature, in seconds since the Unix epoch. Throws
 * `untrusted`.
 */
export async function holdToWitness(
  trusted: TrustedVolume,
  { note, witness }: { readonly note: Uint8Array; readonly witness: WitnessKey },
  call: CallOptions = {},
): Promise<number> {
  const timeS = verifyCosignature(note, witness);
  const { checkpoint } = parseCheckpoint(note);
  const name = base64urlDecode(trusted.name);
  if (name === undefined || checkpoint.origin !== checkpointOrigin(name)) {
    throw new GdpfsError('untrusted', 'cannot use cosigned checkpoint: it is of another volume');
  }
  // The witness may have seen what has happened since.
  const isBehind = trusted.checkpoint.count < checkpoint.count;
  const newest = isBehind ? await trustAgain(trusted, call) : trusted;
  await proveBetween(newest, checkpoint, newest.checkpoint, call);
  return timeS;
}
