/** What a browser loads of the web page, without one. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { anonymousClient, startServerHere, temporaryDirectory } from './support/server.ts';

test('what is in the page is asked for again only if it has changed', async () => {
  await using folder = await temporaryDirectory();
  await using server = await startServerHere(join(folder.path, 'data'));
  await using anonymous = anonymousClient(server);
  const first = await anonymous.send('GET', '/web/page.js', {
    headers: { 'accept-encoding': 'gzip' },
  });
  assert.equal(first.headers['content-encoding'], 'gzip');
  assert.equal(first.headers['content-type'], 'text/javascript; charset=utf-8');
  const headers = { 'if-none-match': String(first.headers['etag']) };
  assert.equal((await anonymous.send('GET', '/web/page.js', { headers })).status, 304);
  const whole = await anonymous.send('GET', '/');
  assert.match(
    String(whole.headers['content-security-policy']),
    /default-src 'none'; script-src 'self';/,
  );
  assert.doesNotMatch(whole.text, /<script[^>]*>[^<]|style=|\son\w+=|https?:/);
  for (const path of ['/web/none', '/web/index.html', '/web/..%2fserver%2fca.ts']) {
    assert.equal((await anonymous.send('GET', path)).status, 404, path);
  }
});
