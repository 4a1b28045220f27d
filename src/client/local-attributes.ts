import { type BigIntStats, constants } from 'node:fs';

/** What a file or directory is sent with, and gets where it is received. */
export interface LocalAttributes {
  /** Permission bits. */
  readonly mode: number;
  readonly mtimeUs: number;
}

const MODE_MASK = 0o7777;
/** Received files never run as somebody else, whatever their sender says. */
export const RECEIVED_MODE_MASK = 0o1777;

const NS_PER_US = 1000n;
/** Half a step: a time in seconds is a double, and what the system cuts off must not reach a step. */
const HALF_US = 0.5;

export function attributesOf(stats: BigIntStats): LocalAttributes {
  return { mode: Number(stats.mode) & MODE_MASK, mtimeUs: floorToUs(stats.mtimeNs) };
}

/** What `isFile` says, which makes three BigInts each time to find out. */
export function isRegular({ mode }: BigIntStats): boolean {
  return (Number(mode) & constants.S_IFMT) === constants.S_IFREG;
}

/** What chmod(2) takes. */
export function receivedMode({ mode }: LocalAttributes): number {
  return mode & RECEIVED_MODE_MASK;
}

/**
 * What Node's utimes take: `attributesOf` reads it back as it was. Before 1970 only a Date is taken,
 * which has milliseconds.
 */
export function receivedTime({ mtimeUs }: LocalAttributes): number | Date {
  return mtimeUs >= 0 ? (mtimeUs + HALF_US) / 1e6 : new Date(mtimeUs / 1000);
}

function floorToUs(nanoseconds: bigint): number {
  const us = Number(nanoseconds / NS_PER_US);
  // The division cuts off towards zero.
  return nanoseconds < 0n && nanoseconds % NS_PER_US !== 0n ? us - 1 : us;
}
