import { Servers } from '../../../client/servers.ts';
import { invite } from '../../../client/volumes.ts';
import type { InvitationRequest } from '../../../wire/generated/api.ts';
import { makeBundle, requireNothing } from '../../bundle.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';

export interface AddOptions extends GlobalOptions {
  readonly bundle: string;
  readonly json?: boolean;
}

/** Invites somebody, logs them in, and stores that as a bundle for them. */
export async function addPrincipal(
  context: Context,
  request: InvitationRequest,
  { profile, bundle: path, json }: AddOptions,
): Promise<void> {
  await requireNothing(path);
  await using servers = new Servers(context.home, profile);
  const session = await servers.session();
  const { token } = await invite(session, request, { signal: context.signal });
  const { url, principal, expiresMs } = await makeBundle({ url: session.url, token, path });
  const text = `${principal} at ${url}, until ${formatTime(expiresMs)}, in ${path}`;
  await context.stdout.write(`${json ? JSON.stringify({ url, principal, expiresMs }) : text}\n`);
  await context.report.note('it holds a private key: hand it over in private, and keep no copy');
}
