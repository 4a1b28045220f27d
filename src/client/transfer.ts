import { GdpfsError } from '../base/errors.ts';
import { areInOneVolume, copyBetween } from './copy-between.ts';
import { copyWithin } from './copy-within.ts';
import { type Endpoint, requirePast } from './endpoint.ts';
import { isFaultOfOne } from './fault-scope.ts';
import type { StatOptions } from './files.ts';
import type { Placement, Replace } from './placement.ts';
import { receive } from './receive.ts';
import { send } from './send.ts';
import { Tally, type TransferObserver, type TransferResult } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';

export interface CopyOptions extends StatOptions {
  readonly sources: readonly Endpoint[];
  /**
   * As of cp(1): a directory that exists gets the sources under their own names, anything else
   * becomes the copy of the only source.
   */
  readonly destination: Endpoint;
  /** Also directories, with everything below them. */
  readonly recursive?: boolean;
  /** The destination is a directory (the user ended it with a slash): it is made if missing. */
  readonly intoDirectory?: boolean;
  /** The destination is what the copy is to be called, even if it is a directory that exists. */
  readonly asDestination?: boolean;
  /** What is done to files that exist already; replaces them if absent. */
  readonly replace?: Replace;
  /** How files are transferred. */
  readonly transfer?: TransferOptions;
  readonly observer?: TransferObserver;
}

/**
 * Copies files and trees into a volume, out of one, within one, or from one into another. What fails for one source or one
 * file of a tree is in the result's `errors`; what would fail for all the rest is thrown.
 */
export async function copy(options: CopyOptions): Promise<TransferResult> {
  const tally = new Tally(options.observer);
  await copyCounted(options, tally);
  return tally.result();
}

/** As `copy`, with counts that go on from those of `tally`; its observer is the one that is told. */
export async function copyCounted(
  options: Omit<CopyOptions, 'observer'>,
  tally: Tally,
): Promise<void> {
  if (options.sources.length > 1 && options.asDestination === true) {
    throw new GdpfsError('usage', 'cannot copy several sources to one name');
  }
  for (const [index, source] of options.sources.entries()) {
    tally.sourcesBehind = options.sources.length - index - 1;
    try {
      await copyOne(source, options, tally);
    } catch (error) {
      if (!isFaultOfOne(error) || options.sources.length === 1) throw error;
      tally.fail({ path: nameOf(source), error });
    }
  }
}

async function copyOne(
  source: Endpoint,
  options: Omit<CopyOptions, 'observer'>,
  tally: Tally,
): Promise<void> {
  const { destination, at, signal, recursive = false, replace = 'always', transfer = {} } = options;
  const placement = placementOf(options);
  const call = { at, signal, recursive, replace, tally, placement, transfer };
  requirePast(source, at);
  if (source.kind === 'local' && destination.kind === 'remote') {
    const { session, remote } = destination;
    await send({ ...call, source: source.path, session, destination: remote });
  } else if (source.kind === 'remote' && destination.kind === 'local') {
    const { session, remote } = source;
    await receive({ ...call, session, source: remote, destination: destination.path });
  } else if (source.kind === 'remote' && destination.kind === 'remote') {
    if (!(await areInOneVolume(source, destination, signal))) {
      return await copyBetween({ ...call, from: source, to: destination });
    }
    const { session, remote } = destination;
    await copyWithin({ ...call, session, source: source.remote, destination: remote });
  } else {
    throw new GdpfsError('usage', 'cannot copy between local paths, need "gdp://VOLUME/PATH"', {
      hint: 'use cp',
    });
  }
}

function placementOf({ sources, intoDirectory, asDestination }: CopyOptions): Placement {
  if (asDestination === true) return 'exact';
  return intoDirectory === true || sources.length > 1 ? 'inside' : 'either';
}

function nameOf(endpoint: Endpoint): string {
  if (endpoint.kind === 'local') return endpoint.path;
  return `gdp://${endpoint.remote.volume}/${endpoint.remote.path}`;
}
