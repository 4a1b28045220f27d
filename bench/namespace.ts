/** A link with delay in the kernel: servers live in a network namespace of their own. */
import { execFileSync } from 'node:child_process';
import type { Link } from './link.ts';
import { findProgram } from './peers/programs.ts';

/** Addresses for benchmarks of networks (RFC 2544): nobody else has them. */
const NEAR = '198.18.0.1';
const FAR = '198.18.0.2';
const PREFIX_LENGTH = 30;
/** Packets under way; more than any window here fills. */
const QUEUE_PACKETS = 100_000;

/** Why there can be no such link on this machine. */
export class NoNamespace extends Error {}

/** Both directions take `delayMs`. Needs root and the kernel's netem; throws `NoNamespace`. */
export function openNamespaceLink(delayMs: number): Link {
  const ip = findProgram('ip');
  const tc = findProgram('tc');
  if (process.getuid?.() !== 0) throw new NoNamespace('a network namespace needs root');
  if (ip === undefined || tc === undefined) throw new NoNamespace('ip and tc are not installed');
  const name = `gdpfs-bench-${process.pid}`;
  const near = `gdn${process.pid}`;
  const far = `gdf${process.pid}`;
  const prefix = [ip, 'netns', 'exec', name];
  const inside = (...argv: readonly string[]): void => run(...prefix, ...argv);
  const netem = ['netem', 'delay', `${delayMs}ms`, 'limit', String(QUEUE_PACKETS)];
  // What is in a namespace goes with it, the pair of devices too.
  const remove = (): void => run(ip, 'netns', 'delete', name);
  run(ip, 'netns', 'add', name);
  try {
    run(ip, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
    run(ip, 'address', 'add', `${NEAR}/${PREFIX_LENGTH}`, 'dev', near);
    run(ip, 'link', 'set', near, 'up');
    inside(ip, 'address', 'add', `${FAR}/${PREFIX_LENGTH}`, 'dev', far);
    inside(ip, 'link', 'set', far, 'up');
    inside(ip, 'link', 'set', 'lo', 'up');
    run(tc, 'qdisc', 'add', 'dev', near, 'root', ...netem);
    inside(tc, 'qdisc', 'add', 'dev', far, 'root', ...netem);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    description: 'netem, between two network namespaces',
    host: FAR,
    prefix,
    open: (port) => Promise.resolve({ host: FAR, port }),
    [Symbol.asyncDispose]: () => Promise.resolve(remove()),
  };
}

function run(...[file = '', ...args]: readonly string[]): void {
  try {
    execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new NoNamespace(`${args.join(' ')}: ${said}`, { cause: error });
  }
}
