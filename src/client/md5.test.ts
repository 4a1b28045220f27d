import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { startServerHere, temporaryDirectory } from '../../test/support/server.ts';
import { openTestSession, VOLUME } from '../../test/support/session.ts';
import { compareMd5, fileMd5, type TwoCopies } from './md5.ts';
import type { Session } from './session.ts';
import { uploadFile } from './upload.ts';

const SIZE = 2 * LIMITS.bodyBytesTarget + 5;

let stack: AsyncDisposableStack;
let folder: string;
let session: Session;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(folder, 'data')));
  ({ session } = stack.use(await openTestSession(server)));
});
after(() => stack.disposeAsync());

/** A file of random bytes, here and in the volume. */
async function newCopies(name: string): Promise<TwoCopies & { readonly md5: string }> {
  const local = join(folder, name);
  const bytes = randomBytes(SIZE);
  writeFileSync(local, bytes);
  const path = `/${VOLUME}/${name}`;
  const { etag, seq } = await uploadFile(session, { source: local, path });
  const md5 = createHash('md5').update(bytes).digest('hex');
  return { local, path, at: String(seq), etag, md5 };
}

const ASKED = { md5: true };

test('compareMd5() gives the MD5 that both copies have', async () => {
  const copies = await newCopies('same');
  assert.equal(await compareMd5(session, ASKED, copies), copies.md5);
});

test('compareMd5() does nothing unless it is asked to', async () => {
  const copies = { local: '/nowhere', path: `/${VOLUME}/nothing`, etag: '' };
  assert.equal(await compareMd5(session, {}, copies), undefined);
});

test('compareMd5() finds every difference of the local copy', async () => {
  const copies = await newCopies('other');
  appendFileSync(copies.local, 'x');
  await assert.rejects(compareMd5(session, ASKED, copies), { code: 'corrupt' });
  writeFileSync(copies.local, '');
  await assert.rejects(compareMd5(session, ASKED, copies), { code: 'corrupt' });
  rmSync(copies.local);
  await assert.rejects(compareMd5(session, ASKED, copies), { code: 'not_found' });
});

test('compareMd5() refuses a file that is another in the volume by now', async () => {
  const { at: _, ...copies } = await newCopies('replaced');
  await uploadFile(session, { source: (await newCopies('new')).local, path: copies.path });
  await assert.rejects(compareMd5(session, ASKED, copies), { code: 'changed' });
});

test('fileMd5() throws what the server found out after it had begun to answer', async () => {
  const problem = { code: 'corrupt', detail: 'cannot read chunk: it is damaged' };
  const late: Session = {
    ...session,
    request: async () => {
      const body = Buffer.from(`   ${JSON.stringify(problem)}`);
      return { headers: {}, body, bodyBytes: body.length };
    },
  };
  const expected = { code: 'corrupt', message: problem.detail };
  await assert.rejects(fileMd5(late, `/${VOLUME}/f`), expected);
});
