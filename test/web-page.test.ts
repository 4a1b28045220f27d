/** The web page in a real browser, with the real server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Entry, Listing } from '../src/wire/generated/api.ts';
import { NEEDS_BROWSER, openPage, startBrowser } from './support/browser.ts';
import { type HttpClient, ok } from './support/http-client.ts';
import {
  addUser,
  anonymousClient,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';

const FILES = '/api/v1/files';

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let admin: HttpClient;
let browser: Browser;
let page: Page;
let faults: string[];

before(async () => {
  if (NEEDS_BROWSER.skip !== false) return;
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data')));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  await ok(admin.send('POST', '/api/v1/volumes', { json: { name: 'vision' } }));
  browser = await startBrowser();
  stack.defer(() => browser.close());
  ({ page, faults } = await openPage(browser, server.url, admin));
});
after(async () => await stack?.disposeAsync());

async function put(path: string, content: string | Uint8Array): Promise<void> {
  const body = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const type = 'application/octet-stream';
  const query = { path, parents: true };
  await ok(admin.send('POST', '/api/v1/storage/files', { query, body, type }));
}

async function bytesOf(path: string): Promise<Uint8Array> {
  return (await ok(admin.send('GET', '/api/v1/storage/files', { query: { path } }))).bytes;
}

async function visit(fragment: string): Promise<void> {
  await page.goto(`${server.url}/${fragment}`);
}

/** The same on a page that has sent nothing yet. */
async function visitAnew(fragment: string): Promise<void> {
  await visit(fragment);
  await page.reload();
}

const name = (text: string) => page.locator('.entries .open', { hasText: text });

test('a stranger is told how to get in, and nothing else', NEEDS_BROWSER, async () => {
  const stranger = await openPage(browser, server.url);
  await stranger.page.goto(server.url);
  await stranger.page.getByText('this browser has shown none').waitFor();
  assert.match(await stranger.page.innerText('main'), /gdpfs profile export --p12/);
  assert.doesNotMatch(await stranger.page.content(), /vision/);
  await stranger.context.close();
});

test(
  'somebody with a certificate sees who they are, and their volumes with what they hold',
  NEEDS_BROWSER,
  async () => {
    await visit('');
    await page.getByRole('link', { name: 'vision' }).waitFor();
    assert.match(await page.innerText('.who'), /^admin \(admin\) certificate until 20/);
    assert.match(await page.innerText('main'), /0 B, 0 names/);
  },
);

test(
  'a directory is sent, only once, and what is there is what was sent',
  NEEDS_BROWSER,
  async () => {
    const tree = join(folder, 'set');
    await mkdir(join(tree, 'deep'), { recursive: true });
    // Several bodies of the protocol, with an end that is no whole chunk.
    const large = randomBytes(9_000_001);
    const sent = {
      'set/a.txt': Buffer.from('hello'),
      'set/deep/large.bin': large,
      'set/deep/empty': Buffer.alloc(0),
    };
    for (const [path, bytes] of Object.entries(sent)) await writeFile(join(folder, path), bytes);
    await visit('#/files/vision');
    await page.getByRole('button', { name: 'Upload directory' }).waitFor();
    await page.setInputFiles('input[webkitdirectory]', tree);
    await page.getByText('3 of 3 files').waitFor();
    assert.match(await page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 8\.6 MiB sent/);
    for (const [path, bytes] of Object.entries(sent)) {
      assert.deepEqual(Buffer.from(await bytesOf(`/vision/${path}`)), bytes, path);
    }
    await name('set').waitFor();

    // The same again, one chunk of it changed, as after a reload: only that chunk is sent.
    await page.reload();
    large.fill(1, 300_000, 300_010);
    await writeFile(join(tree, 'deep/large.bin'), large);
    await page.setInputFiles('input[webkitdirectory]', tree);
    await page.getByText('another file is there already').waitFor();
    await page.getByText('3 of 3 files').waitFor();
    assert.match(await page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 256 KiB sent/);
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByText('stored and checked').waitFor();
    assert.match(await page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 5 B sent/);
    assert.deepEqual(Buffer.from(await bytesOf('/vision/set/deep/large.bin')), large);
  },
);

/** As somebody does who drags a file over the page: run there, in a browser. */
const DROP = `(text) => {
  const data = new DataTransfer();
  data.items.add(new File([text], 'dropped.txt'));
  const target = document.querySelector('section.files');
  for (const type of ['dragover', 'drop']) {
    target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}`;

test(
  'a file that is dropped is sent, a volume that may only be read takes none',
  NEEDS_BROWSER,
  async () => {
    await visitAnew('#/files/vision');
    await name('set').waitFor();
    await page.evaluate(`(${DROP})('by hand')`);
    await page.getByText('stored and checked').waitFor();
    assert.equal(Buffer.from(await bytesOf('/vision/dropped.txt')).toString(), 'by hand');
    await name('dropped.txt').waitFor();

    await ok(admin.send('POST', '/api/v1/volumes', { json: { name: 'open', public: true } }));
    await using guest = await addUser(server, admin, 'guest');
    const theirs = await openPage(browser, server.url, guest);
    await theirs.page.goto(`${server.url}/#/files/open`);
    await theirs.page.getByText('Nothing here.').waitFor();
    await theirs.page.getByRole('button', { name: 'Upload files' }).waitFor({ state: 'detached' });
    await theirs.page.evaluate(`(${DROP})('by hand')`);
    assert.equal(await theirs.page.locator('.transfers').count(), 0);
    await theirs.context.close();
  },
);

test(
  'an upload that was stopped goes on where it was, also when the page was loaded anew',
  NEEDS_BROWSER,
  async () => {
    const content = randomBytes(9_000_001);
    const file = join(folder, 'stopped.bin');
    await writeFile(file, content);
    await visitAnew('#/files/vision');
    // One body gets through, what follows does not.
    let bodies = 0;
    const route = '**/api/v1/storage/file/chunks**';
    await page.route(route, async (request) => {
      bodies += 1;
      if (bodies === 1) await request.continue();
    });
    const choose = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Upload files' }).waitFor();
      await page.setInputFiles('input[type=file]:not([webkitdirectory])', file);
    };
    await choose();
    await page.getByText('4.0 MiB of 8.6 MiB, 4.0 MiB sent').waitFor();
    await page.getByRole('button', { name: 'Cancel all' }).click();
    await page.getByText('cancelled').waitFor();
    const query = { path: '/vision/stopped.bin' };
    assert.equal((await admin.send('GET', FILES, { query })).status, 404);
    await page.unroute(route);
    await page.reload();
    await choose();
    await page.getByText('stored and checked').waitFor();
    assert.match(await page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 4\.6 MiB sent/);
    assert.deepEqual(Buffer.from(await bytesOf('/vision/stopped.bin')), content);
  },
);

test(
  'in a volume that is cut by content a file is cut as the server cuts it',
  NEEDS_BROWSER,
  async () => {
    await ok(admin.send('POST', '/api/v1/volumes', { json: { name: 'cut', chunking: 'cdc' } }));
    const before = randomBytes(3_000_000);
    await put('/cut/data.bin', before);
    const content = Buffer.concat([Buffer.from('inserted'), before]);
    const file = join(folder, 'data.bin');
    await writeFile(file, content);
    await visitAnew('#/files/cut');
    await page.setInputFiles('input[type=file]:not([webkitdirectory])', file);
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByText('stored and checked').waitFor();
    const { etag } = (await admin.send('GET', FILES, { query: { path: '/cut/data.bin' } }))
      .json as Entry;
    assert.deepEqual(Buffer.from(await bytesOf('/cut/data.bin')), content);
    // As the server cuts it.
    await put('/cut/same.bin', content);
    assert.equal(
      ((await admin.send('GET', FILES, { query: { path: '/cut/same.bin' } })).json as Entry).etag,
      etag,
    );
  },
);

test('a file is downloaded as it is, a directory as one archive', NEEDS_BROWSER, async () => {
  await put('/vision/down/one.bin', randomBytes(300_000));
  await visit('#/files/vision/down');
  await name('one.bin').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download', exact: true }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'one.bin');
  assert.deepEqual(
    await readFile(await download.path()),
    Buffer.from(await bytesOf('/vision/down/one.bin')),
  );
  const [archive] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download as zip' }).first().click(),
  ]);
  assert.equal(archive.suggestedFilename(), 'down.zip');
  assert.equal((await readFile(await archive.path())).subarray(0, 2).toString(), 'PK');
});

test(
  'what a preview shows was checked, and what is no picture of dots is text',
  NEEDS_BROWSER,
  async () => {
    await put('/vision/show/page.html', '<script>document.title = "hacked"</script>');
    await put('/vision/show/table.csv', 'a,b\n1,"x,y"\n');
    const pixel =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await put('/vision/show/picture', Buffer.from(pixel, 'base64'));
    await visit('#/files/vision/show');
    await name('page.html').click();
    await page.getByText('checked here').waitFor();
    assert.equal(await page.innerText('pre.preview'), '<script>document.title = "hacked"</script>');
    assert.equal(await page.title(), 'show · gdpfs');
    const digest = (await admin.send('GET', FILES, { query: { path: '/vision/show/page.html' } }))
      .json as Entry;
    assert.match(await page.innerText('.details'), new RegExp(digest.etag ?? 'none'));
    await name('table.csv').click();
    await page.getByRole('cell', { name: 'x,y' }).waitFor();
    await name('picture').click();
    await page.locator('img.preview').waitFor();
    await page.waitForFunction(`document.querySelector('img.preview')?.naturalWidth === 1`);
  },
);

test('bytes that are not those of the content root are not shown', NEEDS_BROWSER, async () => {
  await put('/vision/false.txt', 'the truth');
  const route = '**/api/v1/storage/files**';
  await page.route(route, (request) => request.fulfill({ status: 206, body: 'the wrong' }));
  await visit('#/files/vision');
  await name('false.txt').click();
  await page.getByText('the bytes at 0 are others').waitFor();
  assert.doesNotMatch(await page.innerText('.details'), /the wrong|checked here/);
  await page.unroute(route);
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
    await put('/vision/drafts/draft.txt', 'text');
    await visit('#/files/vision/drafts');
    const dialog = page.locator('dialog');
    const answer = async (button: string, field?: string): Promise<void> => {
      if (field !== undefined) await dialog.locator('input').fill(field);
      await dialog.getByRole('button', { name: button, exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
    };
    await page.getByRole('button', { name: 'New directory' }).click();
    await dialog.locator('input').fill('sub');
    // What changes behind the question leaves the answer as it is.
    await page.evaluate(`(${FILTER})('no such name')`);
    await name('draft.txt').waitFor({ state: 'detached' });
    assert.equal(await dialog.locator('input').inputValue(), 'sub');
    await answer('Make');
    await page.getByLabel('Filter by name').fill('');
    await name('sub').waitFor();
    await page.getByLabel('Select draft.txt').check();
    await page.getByRole('button', { name: 'Rename' }).click();
    await answer('Rename', 'final.txt');
    await name('final.txt').waitFor();
    await page.getByLabel('Select final.txt').check();
    await page.getByRole('button', { name: 'Copy' }).click();
    await answer('Copy', 'work/sub');
    await page.getByLabel('Select final.txt').check();
    await page.getByRole('button', { name: 'Move', exact: true }).click();
    await dialog.locator('input').fill('work/sub');
    await dialog.getByRole('button', { name: 'Move', exact: true }).click();
    await dialog.getByText('final.txt is there already').waitFor();
    await answer('Cancel');
    await page.getByLabel('Select final.txt').check();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.locator('dialog button:focus', { hasText: 'Cancel' }).waitFor();
    await answer('Remove');
    await name('final.txt').waitFor({ state: 'detached' });
    const { json } = await admin.send('GET', FILES, {
      query: { path: '/vision/drafts', list: 'recursive' },
    });
    assert.deepEqual(
      (json as Listing).entries.map(({ path }) => path),
      ['/vision/drafts/sub', '/vision/drafts/sub/final.txt'],
    );
  },
);

test('a past state is looked at, and brought back', NEEDS_BROWSER, async () => {
  await put('/vision/past/model.txt', 'first');
  await put('/vision/past/model.txt', 'second');
  await visit('#/history/vision/past/model.txt');
  const lines = page.locator('.list tbody tr');
  await lines.nth(1).waitFor();
  assert.match(await lines.nth(0).innerText(), /admin\s+changed past\/model\.txt/);
  assert.match(await lines.nth(1).innerText(), /admin\s+made past\/model\.txt/);
  await lines.nth(1).getByRole('link', { name: 'Look' }).click();
  await page.getByText('This is the volume as it was').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Upload files' }).count(), 0);
  await name('model.txt').click();
  await page.getByText('checked here').waitFor();
  assert.equal(await page.innerText('pre.preview'), 'first');
  await page.getByRole('button', { name: 'Bring back' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Bring back' }).click();
  await page.getByText('This is the volume as it was').waitFor({ state: 'detached' });
  assert.equal(Buffer.from(await bytesOf('/vision/past/model.txt')).toString(), 'first');
});

test('a state gets a name, by which it is found again', NEEDS_BROWSER, async () => {
  await put('/vision/named.txt', 'as it was');
  await visit('#/history/vision');
  await page.getByRole('button', { name: 'Name the state of now' }).click();
  await page.locator('dialog input').fill('release-1');
  await page.locator('dialog').getByRole('button', { name: 'Name', exact: true }).click();
  await page.getByRole('link', { name: 'release-1' }).waitFor();
  await put('/vision/named.txt', 'as it is');
  await visit('#/files/vision');
  await page.getByLabel('A snapshot').selectOption('release-1');
  await page.getByText('as it was at release-1').waitFor();
  await name('named.txt').click();
  await page.getByText('checked here').waitFor();
  assert.equal(await page.innerText('pre.preview'), 'as it was');
});

test('a directory is granted to somebody, and the grant taken back', NEEDS_BROWSER, async () => {
  await put('/vision/granted/file', 'x');
  await using dora = await addUser(server, admin, 'dora');
  const sees = async (): Promise<number> =>
    (await dora.send('GET', FILES, { query: { path: '/vision/granted/file' } })).status;
  await visit('#/access/vision/granted');
  await page.getByRole('button', { name: 'Grant' }).click();
  await page.locator('dialog input').fill('dora');
  await page.locator('dialog').getByRole('button', { name: 'Grant' }).click();
  await page.getByRole('row', { name: /dora read/ }).waitFor();
  assert.equal(await sees(), 200);
  await page.getByRole('button', { name: 'Take back' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Take back' }).click();
  await page.getByText('No grant here or below').waitFor();
  assert.equal(await sees(), 403);
});

test('a share link is made, works for strangers, and is revoked', NEEDS_BROWSER, async () => {
  await put('/vision/public.txt', 'for all');
  await visit('#/files/vision');
  await name('public.txt').click();
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
  await page.keyboard.press('Escape');
  await using anonymous = anonymousClient(server);
  const path = new URL(link).pathname;
  assert.equal((await anonymous.send('GET', path)).text, 'for all');
  await page.getByRole('link', { name: 'Share links' }).click();
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('There are none').waitFor();
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
  for (const each of Object.keys(names)) await put(`/vision/odd/${each}/inside`, each);
  await visit('#/files/vision/odd');
  await name('onerror').waitFor();
  const shown = await page.locator('.entries .open').allInnerTexts();
  assert.deepEqual(shown.toSorted(), Object.values(names).toSorted());
  assert.equal(await page.locator('main img').count(), 0);
  for (const [each, text] of Object.entries(names)) {
    await visit('#/files/vision/odd');
    await page.locator('.entries a.open', { hasText: text }).click();
    await name('inside').click();
    await page.getByText('checked here').waitFor();
    assert.equal(await page.innerText('pre.preview'), each);
  }
});

test(
  'of a large directory a few rows are in the document, and each can be found',
  NEEDS_BROWSER,
  async () => {
    const changes = Array.from({ length: 1000 }, (_, index) => index);
    await put('/vision/large/file-0', '');
    for (const start of [1, 1001, 2001]) {
      const json = {
        changes: changes.map((index) => ({
          op: 'copy',
          path: 'file-0',
          to: `file-${start + index}`,
        })),
      };
      await ok(admin.send('POST', `${FILES}/changes`, { query: { path: '/vision/large' }, json }));
    }
    await visit('#/files/vision/large');
    await page.getByText(/^3,001 names · /).waitFor();
    assert((await page.locator('.entries tbody tr').count()) < 80);
    await page.locator('.scroll').evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await page.getByRole('button', { name: 'file-3000', exact: true }).waitFor();
    await page.getByLabel('Filter by name').fill('FILE-299');
    await page.getByText(/^11 of 3,001 names/).waitFor();
    await page.getByRole('button', { name: 'Size' }).click();
    await page.getByRole('button', { name: 'file-2999', exact: true }).waitFor();
  },
);

test(
  'the keyboard goes from name to name, selects, and asks before it removes',
  NEEDS_BROWSER,
  async () => {
    for (const each of ['a', 'b', 'c']) await put(`/vision/keys/${each}`, each);
    await visit('#/files/vision/keys');
    await page.getByRole('button', { name: 'a', exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await page.getByText('1 selected').waitFor();
    assert(await page.getByLabel('Select b', { exact: true }).isChecked());
    await page.keyboard.press('Delete');
    await page.getByRole('heading', { name: 'Remove b?' }).waitFor();
    await page.keyboard.press('Escape');
    assert.equal((await bytesOf('/vision/keys/b')).length, 1);
  },
);

test('an admin invites somebody, who gets in', NEEDS_BROWSER, async () => {
  await visit('#/people');
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.locator('dialog input').fill('carol');
  await page.locator('dialog').getByRole('button', { name: 'Invite' }).click();
  const [, token = ''] = (await page.innerText('.notice pre')).match(/ (gdpfs1\.\S+)/) ?? [];
  await using carol = await enrol(server, token);
  const hers = await openPage(browser, server.url, carol);
  await hers.page.goto(server.url);
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
    await put('/vision/kept.txt', 'kept');
    await using bob = await addUser(server, admin, 'bob');
    await put('/bob/mine.txt', 'mine');
    const his = await openPage(browser, server.url, bob);
    await his.page.goto(server.url);
    await his.page.getByRole('link', { name: 'bob' }).waitFor();
    const evil = 'https://evil.example/';
    await his.page.route(evil, (request) =>
      request.fulfill({ contentType: 'text/html', body: '<!doctype html><title>evil</title>' }),
    );
    await his.page.goto(evil);
    const answers: number[] = [];
    his.page.on('response', (response) => {
      if (response.url().startsWith(server.url)) answers.push(response.status());
    });
    const read = await his.page.evaluate(`(${FORGE})(${JSON.stringify(server.url)})`);
    await his.page.waitForURL(`${server.url}/**`);
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
    faults.filter((fault) => !/status of (403|404|409)/.test(fault)),
    [],
  );
});

test('what is in the page is asked for again only if it has changed', NEEDS_BROWSER, async () => {
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
