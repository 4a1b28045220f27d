import type { BigIntStats } from 'node:fs';
import { GdpfsError } from '../base/errors.ts';
import { quote } from './local-error.ts';

/** Do both describe the same file at the same moment of its life? */
export function isSame(left: BigIntStats, right: BigIntStats): boolean {
  return (
    left.size === right.size &&
    left.mtimeNs === right.mtimeNs &&
    left.ctimeNs === right.ctimeNs &&
    left.ino === right.ino &&
    left.dev === right.dev
  );
}

export function sourceChanged(path: string): GdpfsError {
  return new GdpfsError('source_changed', `cannot upload ${quote(path)}: it changed meanwhile`, {
    hint: 'nothing was changed on the server for this file; copy it again when it is at rest',
  });
}
