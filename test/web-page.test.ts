/** The web page in a real browser, with the real server: what is there, and changes of it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { formatDigest, sha256 } from '../src/base/digest.ts';
import type { ChunkPage, Entry, Listing } from '../src/wire/generated/api.ts';
import { NEEDS_BROWSER, openPage } from './support/browser.ts';
import { ok } from './support/http-client.ts';
import { addUser, anonymousClient, enrol } from './support/server.ts';
import { FILES, WebPage } from './support/web-page.ts';

let web: WebPage;

before(async () => {
  if (NEEDS_BROWSER.skip === false) web = await WebPage.open();
});
after(async () => await web?.[Symbol.asyncDispose]());

test('a stranger is told how to get in, and nothing else', NEEDS_BROWSER, async () => {
  const stranger = await openPage(web.browser, web.server.url);
  await stranger.page.goto(web.server.url);
  await stranger.page.getByText('this browser has shown none').waitFor();
  assert.match(await stranger.page.innerText('main'), /gdpfs profile export --p12/);
  assert.doesNotMatch(await stranger.page.content(), /vision/);
  await stranger.context.close();
});

test(
  'somebody with a certificate sees who they are, and their volumes with what they hold',
  NEEDS_BROWSER,
  async () => {
    await web.visit('');
    await web.page.getByRole('link', { name: 'vision' }).waitFor();
    assert.match(await web.page.innerText('.who'), /^admin \(admin\) certificate until 20/);
    assert.match(await web.page.innerText('main'), /0 B, 0 names/);
  },
);

test('a file is downloaded as it is, a directory as one archive', NEEDS_BROWSER, async () => {
  await web.put('/vision/down/one.bin', randomBytes(300_000));
  await web.visit('#/files/vision/down');
  await web.name('one.bin').click();
  const [download] = await Promise.all([
    web.page.waitForEvent('download'),
    web.page.getByRole('link', { name: 'Download', exact: true }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'one.bin');
  assert.deepEqual(
    await readFile(await download.path()),
    Buffer.from(await web.bytesOf('/vision/down/one.bin')),
  );
  const [archive] = await Promise.all([
    web.page.waitForEvent('download'),
    web.page.getByRole('link', { name: 'Download as zip' }).first().click(),
  ]);
  assert.equal(archive.suggestedFilename(), 'down.zip');
  assert.equal((await readFile(await archive.path())).subarray(0, 2).toString(), 'PK');
});

test(
  'what a preview shows was checked, and what is no picture of dots is text',
  NEEDS_BROWSER,
  async () => {
    await web.put('/vision/show/page.html', '<script>document.title = "hacked"</script>');
    await web.put('/vision/show/table.csv', 'a,b\n1,"x,y"\n');
    const pixel =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await web.put('/vision/show/picture', Buffer.from(pixel, 'base64'));
    await web.visit('#/files/vision/show');
    await web.name('page.html').click();
    await web.page.getByText('checked here').waitFor();
    assert.equal(
      await web.page.innerText('pre.preview'),
      '<script>document.title = "hacked"</script>',
    );
    assert.equal(await web.page.title(), 'show · gdpfs');
    const digest = (
      await web.admin.send('GET', FILES, { query: { path: '/vision/show/page.html' } })
    ).json as Entry;
    assert.match(await web.page.innerText('.details'), new RegExp(digest.etag ?? 'none'));
    await web.name('table.csv').click();
    await web.page.getByRole('cell', { name: 'x,y' }).waitFor();
    await web.name('picture').click();
    await web.page.locator('img.preview').waitFor();
    await web.page.waitForFunction(`document.querySelector('img.preview')?.naturalWidth === 1`);
  },
);

test('bytes that are not those of the content root are not shown', NEEDS_BROWSER, async () => {
  await web.put('/vision/false.txt', 'the truth');
  const route = '**/api/v1/storage/files**';
  await web.page.route(route, (request) => request.fulfill({ status: 206, body: 'the wrong' }));
  await web.visit('#/files/vision');
  await web.name('false.txt').click();
  await web.page.getByText('the bytes at 0 are others').waitFor();
  assert.doesNotMatch(await web.page.innerText('.details'), /the wrong|checked here/);
  await web.page.unroute(route);
});

test('chunks that are not those of the content root are not believed', NEEDS_BROWSER, async () => {
  await web.put('/vision/list.txt', 'the truth');
  const query = { path: '/vision/list.txt' };
  const { json } = await ok(web.admin.send('GET', '/api/v1/file/chunks', { query }));
  const [chunk] = (json as ChunkPage).chunks;
  const digest = formatDigest(sha256(Buffer.from('the wrong')));
  const forged = { ...(json as ChunkPage), chunks: [{ ...chunk, digest }] };
  const [list, bytes] = ['**/api/v1/file/chunks**', '**/api/v1/storage/files**'];
  await web.page.route(list, (request) => request.fulfill({ json: forged }));
  await web.page.route(bytes, (request) => request.fulfill({ status: 206, body: 'the wrong' }));
  await web.visitAnew('#/files/vision');
  await web.name('list.txt').click();
  await web.page.getByText(/not those of its content root|checked here/).waitFor();
  assert.doesNotMatch(await web.page.innerText('.details'), /the wrong|checked here/);
  await web.page.unroute(list);
  await web.page.unroute(bytes);
});

const FILTER = `(text) => {
  const input = document.querySelector('input[type=search]');
  input.value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
}`;

test(
  'a directory is made, a file renamed, moved, copied and removed, after a question',
  NEEDS_BROWSER,
  async () => {
    await web.put('/vision/drafts/draft.txt', 'text');
    await web.visit('#/files/vision/drafts');
    const dialog = web.page.locator('dialog');
    const answer = async (button: string, field?: string): Promise<void> => {
      if (field !== undefined) await dialog.locator('input').fill(field);
      await dialog.getByRole('button', { name: button, exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
    };
    await web.page.getByRole('button', { name: 'New directory' }).click();
    await dialog.locator('input').fill('sub');
    // What changes behind the question leaves the answer as it is.
    await web.page.evaluate(`(${FILTER})('no such name')`);
    await web.name('draft.txt').waitFor({ state: 'detached' });
    assert.equal(await dialog.locator('input').inputValue(), 'sub');
    await answer('Make');
    await web.page.getByLabel('Filter by name').fill('');
    await web.name('sub').waitFor();
    await web.page.getByLabel('Select draft.txt').check();
    await web.page.getByRole('button', { name: 'Rename' }).click();
    await answer('Rename', 'final.txt');
    await web.name('final.txt').waitFor();
    await web.page.getByLabel('Select final.txt').check();
    await web.page.getByRole('button', { name: 'Copy' }).click();
    await answer('Copy', 'drafts/sub');
    await web.page.getByLabel('Select final.txt').check();
    await web.page.getByRole('button', { name: 'Move', exact: true }).click();
    await dialog.locator('input').fill('drafts/sub');
    await dialog.getByRole('button', { name: 'Move', exact: true }).click();
    await dialog.getByText('final.txt is there already').waitFor();
    await answer('Cancel');
    await web.page.getByLabel('Select final.txt').check();
    await web.page.getByRole('button', { name: 'Remove' }).click();
    await web.page.locator('dialog button:focus', { hasText: 'Cancel' }).waitFor();
    await answer('Remove');
    await web.name('final.txt').waitFor({ state: 'detached' });
    const { json } = await web.admin.send('GET', FILES, {
      query: { path: '/vision/drafts', list: 'recursive' },
    });
    assert.deepEqual(
      (json as Listing).entries.map(({ path }) => path),
      ['/vision/drafts/sub', '/vision/drafts/sub/final.txt'],
    );
  },
);

test('a past state is looked at, and brought back', NEEDS_BROWSER, async () => {
  await web.put('/vision/past/model.txt', 'first');
  await web.put('/vision/past/model.txt', 'second');
  await web.visit('#/history/vision/past/model.txt');
  const lines = web.page.locator('.list tbody tr');
  await lines.nth(1).waitFor();
  assert.match(await lines.nth(0).innerText(), /admin\s+changed past\/model\.txt/);
  assert.match(await lines.nth(1).innerText(), /admin\s+made past\/model\.txt/);
  await lines.nth(1).getByRole('link', { name: 'Look' }).click();
  await web.page.getByText('This is the volume as it was').waitFor();
  assert.equal(await web.page.getByRole('button', { name: 'Upload files' }).count(), 0);
  await web.name('model.txt').click();
  await web.page.getByText('checked here').waitFor();
  assert.equal(await web.page.innerText('pre.preview'), 'first');
  await web.page.getByRole('button', { name: 'Bring back' }).click();
  await web.page.locator('dialog').getByRole('button', { name: 'Bring back' }).click();
  await web.page.getByText('This is the volume as it was').waitFor({ state: 'detached' });
  assert.equal(Buffer.from(await web.bytesOf('/vision/past/model.txt')).toString(), 'first');
});

test('a state gets a name, by which it is found again', NEEDS_BROWSER, async () => {
  await web.put('/vision/named.txt', 'as it was');
  await web.visit('#/history/vision');
  await web.page.getByRole('button', { name: 'Name the state of now' }).click();
  await web.page.locator('dialog input').fill('release-1');
  await web.page.locator('dialog').getByRole('button', { name: 'Name', exact: true }).click();
  await web.page.getByRole('link', { name: 'release-1' }).waitFor();
  await web.put('/vision/named.txt', 'as it is');
  await web.visit('#/files/vision');
  await web.page.getByLabel('A snapshot').selectOption('release-1');
  await web.page.getByText('as it was at release-1').waitFor();
  await web.name('named.txt').click();
  await web.page.getByText('checked here').waitFor();
  assert.equal(await web.page.innerText('pre.preview'), 'as it was');
});

test('a directory is granted to somebody, and the grant taken back', NEEDS_BROWSER, async () => {
  await web.put('/vision/granted/file', 'x');
  await using dora = await addUser(web.server, web.admin, 'dora');
  const sees = async (): Promise<number> =>
    (await dora.send('GET', FILES, { query: { path: '/vision/granted/file' } })).status;
  await web.visit('#/access/vision/granted');
  await web.page.getByRole('button', { name: 'Grant' }).click();
  await web.page.locator('dialog input').fill('dora');
  await web.page.locator('dialog').getByRole('button', { name: 'Grant' }).click();
  await web.page.getByRole('row', { name: /dora read/ }).waitFor();
  assert.equal(await sees(), 200);
  await web.page.getByRole('button', { name: 'Take back' }).click();
  await web.page.locator('dialog').getByRole('button', { name: 'Take back' }).click();
  await web.page.getByText('No grant here or below').waitFor();
  assert.equal(await sees(), 403);
});

test('a share link is made, works for strangers, and is revoked', NEEDS_BROWSER, async () => {
  await web.put('/vision/public.txt', 'for all');
  await web.visit('#/files/vision');
  await web.name('public.txt').click();
  await web.page.getByRole('button', { name: 'Share' }).click();
  await web.page.getByRole('button', { name: 'Make a link' }).click();
  const link = await web.page.getByRole('textbox', { name: 'Link' }).inputValue();
  await web.page.keyboard.press('Escape');
  await using anonymous = anonymousClient(web.server);
  const path = new URL(link).pathname;
  assert.equal((await anonymous.send('GET', path)).text, 'for all');
  await web.page.getByRole('link', { name: 'Share links' }).click();
  await web.page.getByRole('button', { name: 'Revoke' }).click();
  await web.page.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
  await web.page.getByText('There are none').waitFor();
  assert.equal((await anonymous.send('GET', path)).status, 403);
});

test('hostile names are text, and lead where they should', NEEDS_BROWSER, async () => {
  const names = {
    '<img src=x onerror=alert(1)>': '<img src=x onerror=alert(1)>',
    'photo\u202egpj.exe': 'photo\\u{202e}gpj.exe',
    'two\nlines': 'two\\u{a}lines',
    ['x'.repeat(255)]: 'x'.repeat(255),
    'a%2f?b#c&d': 'a%2f?b#c&d',
  };
  for (const each of Object.keys(names)) await web.put(`/vision/odd/${each}/inside`, each);
  await web.visit('#/files/vision/odd');
  await web.name('onerror').waitFor();
  const shown = await web.page.locator('.entries .open').allInnerTexts();
  assert.deepEqual(shown.toSorted(), Object.values(names).toSorted());
  assert.equal(await web.page.locator('main img').count(), 0);
  for (const [each, text] of Object.entries(names)) {
    await web.visit('#/files/vision/odd');
    await web.page.locator('.entries a.open', { hasText: text }).click();
    await web.name('inside').click();
    await web.page.getByText('checked here').waitFor();
    assert.equal(await web.page.innerText('pre.preview'), each);
  }
});

test(
  'of a large directory a few rows are in the document, and each can be found',
  NEEDS_BROWSER,
  async () => {
    const changes = Array.from({ length: 1000 }, (_, index) => index);
    await web.put('/vision/large/file-0', '');
    for (const start of [1, 1001, 2001]) {
      const json = {
        changes: changes.map((index) => ({
          op: 'copy',
          path: 'file-0',
          to: `file-${start + index}`,
        })),
      };
      await ok(
        web.admin.send('POST', `${FILES}/changes`, { query: { path: '/vision/large' }, json }),
      );
    }
    await web.visit('#/files/vision/large');
    await web.page.getByText(/^3,001 names · /).waitFor();
    assert((await web.page.locator('.entries tbody tr').count()) < 80);
    await web.page.locator('.scroll').evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await web.page.getByRole('button', { name: 'file-3000', exact: true }).waitFor();
    await web.page.getByLabel('Filter by name').fill('FILE-299');
    await web.page.getByText(/^11 of 3,001 names/).waitFor();
    await web.page.getByRole('button', { name: 'Size' }).click();
    await web.page.getByRole('button', { name: 'file-2999', exact: true }).waitFor();
  },
);

test(
  'the keyboard goes from name to name, selects, and asks before it removes',
  NEEDS_BROWSER,
  async () => {
    for (const each of ['a', 'b', 'c']) await web.put(`/vision/keys/${each}`, each);
    await web.visit('#/files/vision/keys');
    await web.page.getByRole('button', { name: 'a', exact: true }).focus();
    await web.page.keyboard.press('ArrowDown');
    await web.page.keyboard.press('Space');
    await web.page.getByText('1 selected').waitFor();
    assert(await web.page.getByLabel('Select b', { exact: true }).isChecked());
    await web.page.keyboard.press('Delete');
    await web.page.getByRole('heading', { name: 'Remove b?' }).waitFor();
    await web.page.keyboard.press('Escape');
    assert.equal((await web.bytesOf('/vision/keys/b')).length, 1);
  },
);

test('an admin invites somebody, who gets in', NEEDS_BROWSER, async () => {
  await web.visit('#/people');
  await web.page.getByRole('button', { name: 'Invite' }).click();
  await web.page.locator('dialog input').fill('carol');
  await web.page.locator('dialog').getByRole('button', { name: 'Invite' }).click();
  const [, token = ''] = (await web.page.innerText('.notice pre')).match(/ (gdpfs1\.\S+)/) ?? [];
  await using carol = await enrol(web.server, token);
  const hers = await openPage(web.browser, web.server.url, carol);
  await hers.page.goto(web.server.url);
  await hers.page.getByRole('link', { name: 'carol' }).waitFor();
  assert.equal(await hers.page.getByRole('link', { name: 'People' }).count(), 0);
  await hers.context.close();
});

/** What such a page can do: run there, in a browser. */
const FORGE = `async (url) => {
  const target = url + '/api/v1/storage/files?path=/bob/forged.txt';
  const options = { method: 'POST', mode: 'no-cors', credentials: 'include', body: 'x' };
  await fetch(target, options).catch(() => undefined);
  const read = await fetch(url + '/api/v1/whoami', { credentials: 'include' }).then(
    () => 'read',
    () => 'refused',
  );
  const picture = new Image();
  const failed = new Promise((resolve) => (picture.onerror = resolve));
  picture.src = url + '/api/v1/storage/files?path=/bob/mine.txt';
  await failed;
  const form = document.createElement('form');
  form.method = 'post';
  form.enctype = 'text/plain';
  form.action = target;
  document.body.append(form);
  form.submit();
  return read;
}`;

test(
  'a page of another site changes nothing with the certificate of whoever looks at it',
  NEEDS_BROWSER,
  async () => {
    await web.put('/vision/kept.txt', 'kept');
    await using bob = await addUser(web.server, web.admin, 'bob');
    await web.put('/bob/mine.txt', 'mine');
    const his = await openPage(web.browser, web.server.url, bob);
    await his.page.goto(web.server.url);
    await his.page.getByRole('link', { name: 'bob' }).waitFor();
    const evil = 'https://evil.example/';
    await his.page.route(evil, (request) =>
      request.fulfill({ contentType: 'text/html', body: '<!doctype html><title>evil</title>' }),
    );
    await his.page.goto(evil);
    const answers: number[] = [];
    his.page.on('response', (response) => {
      if (response.url().startsWith(web.server.url)) answers.push(response.status());
    });
    const read = await his.page.evaluate(`(${FORGE})(${JSON.stringify(web.server.url)})`);
    await his.page.waitForURL(`${web.server.url}/**`);
    assert.equal(read, 'refused');
    assert(answers.length > 0 && answers.every((status) => status === 403), answers.join());
    assert.equal(
      (await bob.send('GET', FILES, { query: { path: '/bob/forged.txt' } })).status,
      404,
    );
    await his.context.close();
  },
);

test('the page breaks none of its own rules', NEEDS_BROWSER, () => {
  // Requests that are refused on purpose are told there as well.
  assert.deepEqual(
    web.faults.filter((fault) => !/status of (403|404|409)/.test(fault)),
    [],
  );
});
