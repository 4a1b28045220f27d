import { systemClock } from '../base/clock.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import { openFileSystem } from '../fs/open.ts';
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
  await using opened = await openFileSystem({ directory: store, keysDirectory: keys, clock, warn });
  const authority = await openCertificateAuthority({ directory: keys, names: [], clock });
  const act = { operation: 'adminToken', targets: [principal] } as const;
  await auditLocally({ directory: audit, clock }, act);
  const services = { system: opened.system, authority, clock };
  return await createInvitation(services, { principal, role: Role.ADMIN });
}
