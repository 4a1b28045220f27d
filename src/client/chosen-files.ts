import { sharedBytes } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { StorageTarPostQuery, TarSelection } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { isFaultOfOne } from './fault-scope.ts';
import type { StatOptions } from './files.ts';
import { ExchangeGate, fixedControl } from './flow/exchange-gate.ts';
import type { MaybeUndefined, Session } from './session.ts';

export interface ChosenFilesOptions extends StatOptions {
  /** `/<volume>/<path>` of a directory. */
  readonly path: string;
}

/** Fetches small files of one directory tree by their paths, many at a time. */
export class ChosenFiles {
  readonly #session: Session;
  readonly #options: ChosenFilesOptions;
  readonly #bodies: Uint8Array[] = [];
  readonly #room = new ExchangeGate(fixedControl(LIMITS.tarStreamsReceived));

  constructor(session: Session, options: ChosenFilesOptions) {
    this.#session = session;
    this.#options = options;
  }

  /**
   * Passes a pack (`decodePack`) with what is there of the files to `use`, which must not keep it: it
   * lies in shared memory that is used again. At most `LIMITS.tarFilesMax` files. `use` gets nothing if
   * the body cannot be had whole, perhaps because of one of them. Throws what concerns them all.
   */
  async with<T>(
    relatives: readonly string[],
    use: (pack: Uint8Array | undefined) => Promise<T>,
  ): Promise<T> {
    return await this.#room.pass(async () => {
      const body = this.#bodies.pop() ?? sharedBytes(LIMITS.tarBodyBytesMax);
      try {
        return await use(await this.#fetch(relatives, body));
      } finally {
        this.#bodies.push(body);
      }
    }, this.#options.signal);
  }

  async #fetch(relatives: readonly string[], into: Uint8Array): Promise<Uint8Array | undefined> {
    const { path, at, signal } = this.#options;
    const query: MaybeUndefined<StorageTarPostQuery> = { path, at };
    const json: TarSelection = { paths: [...relatives] };
    try {
      const { bodyBytes, headers } = await this.#session.request({
        method: 'POST',
        route: '/api/v1/storage/tar',
        query,
        json,
        accept: MEDIA_TYPES.files,
        into: [into],
        signal,
      });
      const body = into.subarray(0, bodyBytes);
      if (headers['content-type'] !== MEDIA_TYPES.tar) return body;
      const { tarAsPack } = await import('./tar-as-pack.ts');
      return tarAsPack(body, relatives);
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      return undefined;
    }
  }
}
