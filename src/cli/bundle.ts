import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { tmpdir } from 'node:os';
import { GdpfsError } from '../base/errors.ts';
import { systemCode } from '../base/system-error.ts';
import { enroll, type Enrolled } from '../client/enroll.ts';
import { openHome } from '../client/home.ts';
import { writePrivateFile } from '../wire/private-file.ts';
import { encodeZip } from './zip.ts';

export interface BundleOptions {
  readonly url: string;
  /** An invitation for whom the bundle is. */
  readonly token: string;
  /** A file that ends in `.zip`, or a folder. */
  readonly path: string;
}

/**
 * Logs somebody else in and stores the login as a bundle: what is needed as `$GDPFS_HOME`, with CA,
 * certificate, key and configuration, for its owner only. The key is made here; who gets the bundle has
 * it, and whoever sees it on the way. Throws `exists` if there is something at the path.
 */
export async function makeBundle({ url, token, path }: BundleOptions): Promise<Enrolled> {
  await requireNothing(path);
  const isZip = path.endsWith('.zip');
  const folder = isZip ? await mkdtemp(join(tmpdir(), 'gdpfs-bundle-')) : path;
  try {
    const enrolled = await enroll(openHome(folder), { url, token, profile: 'default' });
    if (isZip) await writePrivateFile(path, encodeZip(await entriesOf(folder)));
    return enrolled;
  } finally {
    if (isZip) await rm(folder, { recursive: true, force: true });
  }
}

/** Before an invitation is used up. A folder may be there, if it is empty. Throws `exists`. */
export async function requireNothing(path: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    names = [path];
  }
  if (names.length === 0 && !path.endsWith('.zip')) return;
  const object = JSON.stringify(path);
  throw new GdpfsError('exists', `cannot write the bundle ${object}: something is there already`);
}

async function entriesOf(folder: string): Promise<{ name: string; data: Uint8Array }[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return await Promise.all(
    paths.map(async (path) => ({
      name: relative(folder, path).replaceAll('\\', '/'),
      data: new Uint8Array(await readFile(path)),
    })),
  );
}
