import { systemClock } from '../base/clock.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import { type OpenedFileSystem, openFileSystem, type OpenOptions } from '../fs/open.ts';
import { openCertificateAuthority } from './ca.ts';
import { auditLocally } from './local-audit.ts';
import { createInvitation, type IssuedInvitation } from './invitations.ts';

export interface AdminTokenOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Folder of the private keys. */
  readonly keys: string;
  /** Folder of the audit log. */
  readonly audit: string;
  readonly principal: string;
  /** Told of what recovery found that an operator should know. */
  readonly warn: (message: string) => void;
}

/**
 * An invitation for an admin, made by whoever can read the server's folders. Throws `locked` while the
 * server runs: there `gdpfs admin invite` does the same.
 */
export async function makeAdminToken(options: AdminTokenOptions): Promise<IssuedInvitation> {
  const { store, keys, audit, principal, warn } = options;
  const clock = systemClock;
  await using opened = await openStopped({ directory: store, keysDirectory: keys, clock, warn });
  const authority = await openCertificateAuthority({ directory: keys, names: [], clock });
  const act = { operation: 'adminToken', targets: [principal] } as const;
  await auditLocally({ directory: audit, clock }, act);
  const services = { system: opened.system, authority, clock };
  return await createInvitation(services, { principal, role: Role.ADMIN });
}

/** What a running server has open, only it can write to. */
async function openStopped(options: OpenOptions): Promise<OpenedFileSystem> {
  try {
    return await openFileSystem(options);
  } catch (cause) {
    if (!isGdpfsError(cause, 'locked')) throw cause;
    const state = `a server runs on ${JSON.stringify(options.directory)}, need it stopped`;
    throw new GdpfsError('locked', `cannot make a token for an admin: ${state}`, {
      cause,
      hint: 'stop it for a moment; or an admin who is logged in makes one: gdpfs admin invite NAME --role admin',
    });
  }
}
