import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../wire/private-file.ts';
import type { ProfileEntry } from './config.ts';
import { type Credentials, validityOf } from './credentials.ts';

/** The files of a profile: CA, certificate and key, wherever `config.json` says that they are. */

/** Throws `local_io` if one is missing. `name` is that of the profile. */
export async function readCredentials(
  directory: string,
  name: string,
  entry: ProfileEntry,
): Promise<Credentials & { readonly ca: string }> {
  const [ca, certificate, key] = await Promise.all([
    readPart(join(directory, entry.ca), name),
    readPart(join(directory, entry.certificate), name),
    readPart(join(directory, entry.key), name),
  ]);
  return { ca, certificate, key };
}

async function readPart(path: string, profile: string): Promise<string> {
  const text = await readPrivateFile(path);
  if (text !== undefined) return text;
  const object = `profile ${JSON.stringify(profile)}`;
  throw new GdpfsError('local_io', `cannot use ${object}: ${JSON.stringify(path)} is missing`, {
    hint: 'run "gdpfs login" again',
  });
}

type CredentialFiles = Pick<ProfileEntry, 'ca' | 'certificate' | 'key'>;

/** Each login gets a folder of its own, so that the old one stays whole until the new one counts. */
export async function writeCredentials(
  directory: string,
  profile: Credentials & { readonly name: string; readonly ca: string },
): Promise<CredentialFiles> {
  const folder = join('profiles', `${profile.name}-${hexEncode(randomBytes(4))}`);
  await makePrivateDirectory(join(directory, folder));
  const files = {
    ca: join(folder, 'ca.crt'),
    certificate: join(folder, 'client.crt'),
    key: join(folder, 'client.key'),
  };
  await writePrivateFile(join(directory, files.ca), profile.ca);
  await writePrivateFile(join(directory, files.certificate), profile.certificate);
  await writePrivateFile(join(directory, files.key), profile.key);
  return files;
}

/** Only what a login made: files that somebody put elsewhere by hand stay. */
export async function removeCredentials(directory: string, entry: ProfileEntry): Promise<void> {
  const folder = dirname(entry.key);
  if (dirname(folder) !== 'profiles' || !/-[0-9a-f]{8}$/.test(basename(folder))) return;
  await rm(join(directory, folder), { recursive: true, force: true });
}

/** Unless the profile has another key by now, or a certificate that is valid for longer. */
export async function replaceCertificate(
  directory: string,
  { name, entry }: { readonly name: string; readonly entry: ProfileEntry },
  { certificate, key }: Credentials,
): Promise<void> {
  if ((await readPart(join(directory, entry.key), name)) !== key) return;
  const path = join(directory, entry.certificate);
  if (isNewer(certificate, await readPart(path, name))) await writePrivateFile(path, certificate);
}

function isNewer(certificate: string, than: string): boolean {
  return validityOf(certificate).expiresMs > validityOf(than).expiresMs;
}
