/** A folder over HTTPS, mounted: how programs that know nothing of a store read from it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Conditions } from '../benchmark.ts';
import { LOOPBACK } from '../link.ts';
import { ended } from '../measure.ts';
import { makeCertificate } from './certificate.ts';
import { freePort, startPeerServer } from './peer-server.ts';
import { findProgram } from './programs.ts';

const MOUNT_POLLS = 200;
const MOUNT_POLL_MS = 50;

/**
 * What `use` makes of the place where `content` is mounted, read-only, by rclone from its own WebDAV server.
 * Undefined, and said so, where there is no rclone or no FUSE.
 */
export async function withMount<Result>(
  { signal, report }: Conditions,
  folder: string,
  content: string,
  use: (path: string) => Promise<Result>,
): Promise<Result | undefined> {
  const program = findProgram('rclone');
  if (
    program === undefined ||
    findProgram('fusermount3') === undefined ||
    !existsSync('/dev/fuse')
  ) {
    report.skip('rclone mount', 'it needs rclone, fusermount3 and /dev/fuse');
    return undefined;
  }
  const place = { folder: join(folder, 'mount-peer'), link: LOOPBACK, signal };
  const path = join(place.folder, 'mounted');
  mkdirSync(path, { recursive: true });
  const port = await freePort();
  const { certificate, key } = makeCertificate(place.folder, LOOPBACK.host);
  const serve = [program, 'serve', 'webdav', content, '--config', '', '--read-only'];
  const listen = ['--addr', `${LOOPBACK.host}:${port}`, '--cert', certificate, '--key', key];
  const logPath = join(place.folder, 'rclone.log');
  await using server = await startPeerServer([...serve, ...listen], { port, logPath, place });
  const { host, port: mappedPort } = server.address;
  const remote = ['--webdav-url', `https://${host}:${mappedPort}`, '--ca-cert', certificate];
  const mount = ['mount', ':webdav:', path, '--config', '', '--read-only', ...remote];
  const child = spawn(program, mount, { stdio: 'ignore' });
  try {
    await untilMounted(child, path);
    return await use(path);
  } catch (error) {
    if (!(error instanceof NotMounted)) throw error;
    report.skip('rclone mount', error.message);
    return undefined;
  } finally {
    child.kill('SIGTERM');
    await ended(child);
  }
}

class NotMounted extends Error {}

async function untilMounted(child: ChildProcess, path: string): Promise<void> {
  for (let polls = 0; polls < MOUNT_POLLS && child.exitCode === null; polls += 1) {
    if (readdirSync(path).length > 0) return;
    await sleep(MOUNT_POLL_MS);
  }
  throw new NotMounted('it does not mount here: FUSE may not be allowed');
}
