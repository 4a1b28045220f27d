/**
 * Where a request comes from: straight from a client, or through a proxy that this server was told
 * to trust and that proves who it is with a certificate of its own. Only then is the client's
 * certificate taken from a header field; from anybody else such a field is refused.
 */
import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { assert, GdpfsError } from '../base/errors.ts';
import { invalidState, type ProxyIdentity } from './client-certificates.ts';
import type { Services } from './exchange.ts';
import {
  FORWARDING_FORMS,
  type ForwardingForm,
  IDENTITY_HEADERS,
} from './forwarded-certificate.ts';

/** Who is at the other end of the connection. */
export interface Peer {
  readonly socket: TLSSocket;
  /** The trusted proxy that it is; undefined: the client itself. */
  readonly proxy: string | undefined;
  /** How that proxy forwards certificates. */
  readonly form: ForwardingForm | undefined;
  /** IP address of the client; of the last proxy that does not say for whom it asks. */
  readonly address: string;
}

export interface Origin extends Peer {
  /** The certificate that the proxy forwards, as the header has it; undefined: its client had none. */
  readonly forwarded: { readonly form: ForwardingForm; readonly value: string } | undefined;
}

/** Whose certificate a connection showed, if a proxy's: true as long as the connection lives. */
const shown = new WeakMap<Socket, { readonly proxy: ProxyIdentity | undefined }>();

/** Throws `certificate_invalid` if a proxy's own certificate is not valid any more. */
export function peerOf(
  services: Pick<Services, 'authority' | 'trustedProxies' | 'clock'>,
  request: IncomingMessage,
): Peer {
  const { socket } = request;
  assert(socket instanceof TLSSocket, 'requests come over TLS');
  const proxy = proxyOf(services, socket);
  const form = proxy === undefined ? undefined : services.trustedProxies.get(proxy);
  const address = (form === undefined ? undefined : addressBy(request)) ?? socket.remoteAddress;
  return { socket, proxy, form, address: address ?? '' };
}

/** Throws `forbidden` for a field that forwards a certificate where none may, or more than once. */
export function originOf(peer: Peer, request: IncomingMessage): Origin {
  const { form } = peer;
  refuseOthers(request, form);
  return { ...peer, forwarded: form === undefined ? undefined : forwardedBy(request, form) };
}

/** Dates are checked at every request: a connection may outlive its certificate. */
function proxyOf(
  { authority, trustedProxies, clock }: Pick<Services, 'authority' | 'trustedProxies' | 'clock'>,
  socket: TLSSocket,
): string | undefined {
  if (trustedProxies.size === 0) return undefined;
  let known = shown.get(socket);
  if (known === undefined) {
    const certificate = socket.getPeerX509Certificate();
    known = {
      proxy: certificate === undefined ? undefined : authority.readProxyCertificate(certificate),
    };
    shown.set(socket, known);
  }
  const { proxy } = known;
  if (proxy === undefined || !trustedProxies.has(proxy.name)) return undefined;
  const state = invalidState(proxy, clock.now());
  if (state === undefined) return proxy.name;
  throw new GdpfsError(
    'certificate_invalid',
    `cannot accept the certificate of the proxy "${proxy.name}": ${state}`,
    { hint: 'ask an admin of the server: "gdpfs admin proxy" makes a new one' },
  );
}

/** Only the field that this proxy was configured for may be there, and only from it. */
function refuseOthers(request: IncomingMessage, form: ForwardingForm | undefined): void {
  for (const name of IDENTITY_HEADERS) {
    if (request.headers[name] === undefined) continue;
    if (form !== undefined && isOf(form, name)) continue;
    const need = form === undefined ? 'a trusted proxy' : `"${FORWARDING_FORMS[form].header}"`;
    throw new GdpfsError(
      'forbidden',
      `cannot serve the request: it has the header field "${name}", which may forward a ` +
        `certificate, need ${need} for that`,
    );
  }
}

function isOf(form: ForwardingForm, name: string): boolean {
  const { header, companion }: { header: string; companion?: string } = FORWARDING_FORMS[form];
  return name === header || name === companion;
}

function forwardedBy(request: IncomingMessage, form: ForwardingForm): Origin['forwarded'] {
  const { header } = FORWARDING_FORMS[form];
  // As they came: where Node joins repeated fields, two would look like one.
  const values = request.headersDistinct[header] ?? [];
  const [value, ...others] = values;
  if (others.length > 0) {
    throw new GdpfsError(
      'forbidden',
      `cannot serve the request: it has the header field "${header}" ${values.length} times, need one`,
    );
  }
  // Some proxies send an empty field rather than none for a client without certificate.
  if (value !== undefined && value !== '') return { form, value };
  if (Object.keys(request.headers).some((name) => name !== header && isOf(form, name))) {
    throw new GdpfsError(
      'forbidden',
      `cannot serve the request: it forwards a chain of certificates without "${header}"`,
    );
  }
  return undefined;
}

/** What the proxy itself saw is last in the list. Not for decisions: for logs. */
function addressBy(request: IncomingMessage): string | undefined {
  const { 'x-forwarded-for': list } = request.headers;
  const last =
    String(list ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';
  return isIP(last) === 0 ? undefined : last;
}
