/** What a file or directory gets when it is received. */
export interface LocalAttributes {
  /** Permission bits. */
  readonly mode: number;
  readonly mtimeUs: number;
}

/** Received files never run as somebody else, whatever their sender says. */
const RECEIVED_MODE_MASK = 0o1777;

/** Half a nanosecond step below a microsecond: the system cuts where it should round. */
const ROUNDING_US = 0.25;

/** In the units of chmod(2) and of Node's utimes. */
export function attributesOf({ mode, mtimeUs }: LocalAttributes): {
  readonly mode: number;
  readonly seconds: number;
} {
  return { mode: mode & RECEIVED_MODE_MASK, seconds: (mtimeUs + ROUNDING_US) / 1e6 };
}
