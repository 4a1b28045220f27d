import { type ErrorCode, type ErrorOptions, GdpfsError } from '../base/errors.ts';
import { formatRemotePath } from '../format/path.ts';

/** How a message names a path inside of a volume. */
export type NamePath = (path: string) => string;

/**
 * An error about paths of a volume. The file system knows them from the volume's root on, users as
 * `gdp://VOLUME/PATH`: whoever knows what the volume is called says it that way.
 */
export class PathError extends GdpfsError {
  readonly #say: (name: NamePath) => string;

  constructor(code: ErrorCode, say: (name: NamePath) => string, options: ErrorOptions = {}) {
    super(code, say(JSON.stringify), options);
    this.#say = say;
  }

  /** The same error for those who have other volumes, too. */
  within(volume: string): GdpfsError {
    const { code, hint, details, cause } = this;
    const message = this.#say((path) => JSON.stringify(formatRemotePath({ volume, path })));
    return new GdpfsError(code, message, {
      details,
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
