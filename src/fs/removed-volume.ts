import { GdpfsError } from '../base/errors.ts';

/** What was removed. */
export interface RemovedVolume {
  readonly alias: string;
  /** 43 characters. */
  readonly name: string;
}

export function noVolume(reference: string): GdpfsError {
  return new GdpfsError('not_found', `cannot find volume "${reference}": it does not exist`);
}
