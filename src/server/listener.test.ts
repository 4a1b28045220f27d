import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { temporaryDirectory } from '../../test/support/server.ts';
import { LIMITS } from '../base/limits.ts';
import { openCertificateAuthority } from './ca.ts';
import { createListener, refreshCertificate } from './listener.ts';
import { ListenerCounts } from './metrics/listener-counts.ts';

test('a running server shows a new certificate to new connections when a third of its life is left', async () => {
  await using folder = await temporaryDirectory();
  // Ours is the system's clock as well.
  const agedMs = LIMITS.serverCertificateLifeMs * 0.7;
  let nowMs = Date.now() - agedMs;
  const clock = { now: () => nowMs };
  const authority = await openCertificateAuthority({ directory: folder.path, names: [], clock });
  const { caPem } = authority;
  const counts = new ListenerCounts();
  const listener = createListener({
    counts,
    identity: await authority.serverIdentity(),
    clientCaPems: authority.clientCaPems,
    onRequest: (_, response) => Promise.resolve(void response.end()),
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const shown = async (): Promise<X509Certificate> => {
    const { port } = listener.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', ca: caPem, servername: 'localhost' });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    assert(certificate !== undefined);
    return certificate;
  };
  try {
    const first = await shown();
    await refreshCertificate(listener, authority, counts);
    assert.equal((await shown()).serialNumber, first.serialNumber);
    nowMs += agedMs;
    await refreshCertificate(listener, authority, counts);
    const second = await shown();
    assert.notEqual(second.serialNumber, first.serialNumber);
    assert(second.validToDate > first.validToDate);
    assert.equal(counts.certificateExpiresMs, second.validToDate.getTime());
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
});
