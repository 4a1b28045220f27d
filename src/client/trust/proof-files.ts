import { GdpfsError } from '../../base/errors.ts';
import { encodeManifestEntries } from '../../format/manifest.ts';
import { decodeStateEvidence } from '../../format/state-evidence.ts';
import type { CallOptions } from '../files.ts';
import { fetchManifest } from '../manifest.ts';
import type { RemoteFile } from '../servers.ts';
import { fetchEvidence, readEvidence } from './proven-tree.ts';
import { userPath } from '../../format/path.ts';

/** What proves a file to whoever knows the volume's name: bytes by their names in docs/verify.md. */
export type ProofFiles = Readonly<
  Record<'checkpoint' | 'meta' | 'policy' | 'evidence' | 'manifest', Uint8Array>
>;

/** Of a file as it is now; all of it is checked here first. Throws `not_found`, `not_a_file`, `changed`. */
export async function fetchProofFiles(
  { session, remote, apiPath, trusted }: RemoteFile,
  { signal }: CallOptions = {},
): Promise<ProofFiles> {
  const { path } = remote;
  const evidence = await fetchEvidence(session, trusted, { path, signal });
  const { size, etag } = await readEvidence(trusted, evidence, path);
  if (etag === undefined) {
    throw new GdpfsError(
      'not_a_file',
      `cannot prove the content of "${userPath(apiPath)}": it is not a file`,
    );
  }
  const manifest = await fetchManifest(session, { path: apiPath, size, etag, signal });
  const { checkpoint, meta, policy } = decodeStateEvidence(evidence).checkpoint;
  return { checkpoint, meta, policy, evidence, manifest: encodeManifestEntries(manifest.chunks) };
}
