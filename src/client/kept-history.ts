import type { PolicyChange } from '../format/policy-change.ts';
import type { ChangePolicy, VolumePolicy } from '../wire/generated/api.ts';
import type { VolumeKeys } from './custody/volume-keys.ts';
import { type CallOptions, listPage } from './files.ts';
import type { RemoteFile } from './servers.ts';
import { jsonOf } from './session.ts';
import { trustAgain, type TrustedVolume } from './trust/volume-trust.ts';

/** A change of what is kept of a volume's past, as somebody asks for it. */
export type KeptHistoryChange =
  | Exclude<PolicyChange, { kind: 'snapshot' }>
  /** `at`: as in StatOptions. */
  | { readonly kind: 'snapshot'; readonly name: string; readonly at?: string | undefined };

/**
 * Changes for how long the past of a volume is kept, or which of its states have names; the owner's key
 * signs that, on the server or here (`keys`). The policy in force afterwards. Throws `exists` for a name that is taken,
 * `not_found` for one that is not, `trimmed` for a state that is kept no more, `read_only` if the key is missing.
 */
export async function changeKeptHistory(
  file: Omit<RemoteFile, 'text'>,
  wanted: KeptHistoryChange,
  { keys, signal }: CallOptions & { readonly keys: VolumeKeys },
): Promise<VolumePolicy> {
  const { session, signing } = file;
  const change = await placed(file, wanted, { signal });
  if (file.trusted.custody === 'server') {
    const route = `/api/v1/volumes/${file.trusted.name}/policy`;
    const json = requestOf(change);
    return jsonOf(await session.request({ method: 'POST', route, json, changes: true, signal }));
  }
  const { changeOwnPolicy } = await import('./custody/signed-policy.ts');
  // Each policy continues the one before it.
  const trusted = await trustAgain(file.trusted, { signal });
  const signer = await signing.signer(trusted);
  return await changeOwnPolicy(
    { session, trusted, keys, signer, signal },
    signable(change, trusted),
  );
}

type Placed =
  | Exclude<KeptHistoryChange, { kind: 'snapshot' }>
  /** The newest state if there is no seq. */
  | { readonly kind: 'snapshot'; readonly name: string; readonly seq: number | undefined };

/** A moment becomes the seq that it means. */
async function placed(
  { session, apiPath }: Pick<RemoteFile, 'session' | 'apiPath'>,
  wanted: KeptHistoryChange,
  call: CallOptions,
): Promise<Placed> {
  if (wanted.kind !== 'snapshot') return wanted;
  const { kind, name, at } = wanted;
  if (at === undefined) return { kind, name, seq: undefined };
  const { seq } = await listPage(session, apiPath, { at, limit: 1, ...call });
  return { kind, name, seq };
}

function requestOf(change: Placed): ChangePolicy {
  switch (change.kind) {
    case 'history':
      return { op: 'history', days: change.days };
    case 'forget':
      return { op: 'forget', name: change.name };
    case 'snapshot': {
      const { name, seq } = change;
      return { op: 'snapshot', name, ...(seq === undefined ? {} : { at: String(seq) }) };
    }
  }
}

/** The newest state is the one that the server has shown to be that. */
function signable(change: Placed, { checkpoint }: TrustedVolume): PolicyChange {
  if (change.kind !== 'snapshot') return change;
  const { kind, name, seq = checkpoint.count - 1 } = change;
  return { kind, snapshot: { name, seq, createdMs: Date.now() } };
}
