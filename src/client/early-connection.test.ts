import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { getCACertificates } from 'node:tls';
import { startServerHere, temporaryDirectory } from '../../test/support/server.ts';
import { startTestClient } from '../../test/support/session.ts';
import { beginEarly } from './early-connection.ts';
import { openHome } from './home.ts';

test('an early connection is to a server that the authority of its profile certifies, and to no other', async () => {
  await using client = await startTestClient();
  await using folder = await temporaryDirectory();
  await using stranger = await startServerHere(join(folder.path, 'data'));
  const home = join(folder.path, 'home');
  const { identity } = client;
  const begin = async (url: string) => {
    await openHome(home).saveProfile({ ...identity, name: 'default', principal: 'admin', url });
    const begun = beginEarly({ GDPFS_HOME: home });
    assert(begun !== undefined);
    begun.socket.ref();
    return begun;
  };
  const ours = await begin(identity.url);
  await once(ours.socket, 'secureConnect');
  ours.socket.destroy();
  const other = await begin(stranger.url);
  await once(other.socket, 'error');
  assert.deepEqual([ours.isSecure, other.isSecure], [true, false]);
  assert.match(String(other.error), /certificate/);
  assert.deepEqual(getCACertificates('default'), []);
});

test('there is no early connection where nobody has logged in', async () => {
  await using folder = await temporaryDirectory();
  assert.equal(beginEarly({ GDPFS_HOME: folder.path }), undefined);
});
