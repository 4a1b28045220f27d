/** A volume with custody `client`, and sessions that can sign for it. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createOwnVolume } from '../../src/client/custody/new-volume.ts';
import { type SigningSession, signingSession } from '../../src/client/custody/signing-session.ts';
import { VolumeKeys } from '../../src/client/custody/volume-keys.ts';
import type { Profile } from '../../src/client/home.ts';
import { openSession, type Session } from '../../src/client/session.ts';
import { openCheckpointStore } from '../../src/client/trust/checkpoint-store.ts';
import { trustVolume, type TrustedVolume } from '../../src/client/trust/volume-trust.ts';
import type { Volume } from '../../src/wire/generated/api.ts';
import { countRequests, type CountingSession } from './counting-session.ts';
import type { TestClient, TestSession } from './session.ts';

export interface OwnVolume {
  readonly volume: Volume;
  readonly alias: string;
  readonly keys: VolumeKeys;
}

/** Made by `client`, whose folder gets the keys. */
export async function createOwn(
  { session, folder }: Pick<TestClient, 'session' | 'folder'>,
  alias: string,
  chunking: 'fixed' | 'cdc' = 'fixed',
): Promise<OwnVolume> {
  const keys = new VolumeKeys(join(folder, 'keys'));
  const volume = await createOwnVolume(session, keys, { name: alias, custody: 'client', chunking });
  return { volume, alias, keys };
}

export interface Writer extends AsyncDisposable {
  readonly session: SigningSession;
  /** What goes to the server, counted; its `request` may be replaced by one that lies. */
  readonly wire: CountingSession;
  trust(): Promise<TrustedVolume>;
}

/** Another client of the same principal, with the key, that has seen nothing yet. */
export function openWriter(
  { identity, folder }: Pick<TestSession, 'identity'> & Pick<TestClient, 'folder'>,
  { alias, keys }: OwnVolume,
): Writer {
  const plain: Session = openSession(identity);
  const wire = countRequests(plain);
  const checkpoints = openCheckpointStore(join(folder, `seen-${randomUUID()}`));
  const home = { checkpoints, rememberVolume: () => Promise.resolve() };
  const profile = { volumes: {} } as unknown as Profile;
  let trusting: Promise<TrustedVolume> | undefined;
  const trust = (): Promise<TrustedVolume> =>
    (trusting ??= trustVolume({ session: wire, home, profile, reference: alias }));
  const session = signingSession(wire, { keys, principal: 'admin', trust });
  return {
    session,
    wire,
    trust,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]();
      await plain[Symbol.asyncDispose]();
    },
  };
}
