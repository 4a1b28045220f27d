import { utf8Encode } from '../../base/bytes.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Upload } from '../../wire/generated/api.ts';
import { type ApiAnswer, type ApiRequest, jsonOf, type Session } from '../session.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import { changedVolume, opensUpload } from './changing-request.ts';
import type { VolumeKeys } from './volume-keys.ts';
import type { VolumeSigner } from './volume-signer.ts';

export interface SigningOptions {
  readonly keys: Pick<VolumeKeys, 'find'>;
  readonly principal: string;
  /** What a volume is, by alias or name. */
  readonly trust: (reference: string) => Promise<TrustedVolume>;
}

/** A session that signs the changes of volumes whose writer key the client has. */
export interface SigningSession extends Session {
  signer(trusted: TrustedVolume): Promise<VolumeSigner>;
}

/**
 * A session by which volumes with custody `client` can be changed as all others are: every request that
 * changes one is prepared by the server, checked, signed here, and then made. Disposing of it waits until
 * what it has seen is remembered; the session under it is for others to dispose of.
 */
export function signingSession(session: Session, options: SigningOptions): SigningSession {
  const { keys, principal, trust } = options;
  const signers = new Map<string, Promise<VolumeSigner>>();

  const openSigner = async (trusted: TrustedVolume): Promise<VolumeSigner> => {
    // Loaded when it is needed: most commands do not.
    const { VolumeSigner } = await import('./volume-signer.ts');
    return new VolumeSigner(trusted, keys, principal);
  };

  const signerOf = (trusted: TrustedVolume): Promise<VolumeSigner> => {
    let signer = signers.get(trusted.name);
    if (signer === undefined) {
      signer = openSigner(trusted);
      signers.set(trusted.name, signer);
    }
    return signer;
  };

  async function request(asked: ApiRequest): Promise<ApiAnswer> {
    const volume = changedVolume(asked);
    if (volume === undefined) return await session.request(asked);
    const trusted = await trust(volume);
    if (trusted.custody === 'server') return await session.request(asked);
    const signer = await signerOf(trusted);
    if (opensUpload(asked)) return summed(await signer.pass(session, asked));
    await signer.requireKey();
    const { planRequest } = await import('./planned-request.ts');
    for (let round = 0; ; round += 1) {
      const {
        request: sent,
        changes,
        isRace,
      } = await planRequest(asked, {
        session,
        trusted,
        count: signer.count,
      });
      try {
        return await signer.change(session, sent, { changes });
      } catch (error) {
        const isFinal = !isRace || round === LIMITS.changedRoundsMax;
        if (isFinal || !isGdpfsError(error, 'changed')) throw error;
      }
    }
  }

  return {
    url: session.url,
    get hasChanged() {
      return session.hasChanged;
    },
    request,
    signer: signerOf,
    async [Symbol.asyncDispose]() {
      for (const signer of signers.values()) await (await signer).settle();
    },
  };
}

/** The answer of who opened an upload, with all checksums to be computed here: they are signed. */
function summed(answer: ApiAnswer): ApiAnswer {
  const { unsummed: _, ...upload } = jsonOf<Upload>(answer);
  return { ...answer, body: utf8Encode(JSON.stringify(upload)) };
}
