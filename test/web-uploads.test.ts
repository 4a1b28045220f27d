/** Uploads by the web page, in a real browser, to the real server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Entry } from '../src/wire/generated/api.ts';
import { NEEDS_BROWSER, openPage } from './support/browser.ts';
import { ok } from './support/http-client.ts';
import { addUser } from './support/server.ts';
import { FILES, WebPage } from './support/web-page.ts';

let web: WebPage;

before(async () => {
  if (NEEDS_BROWSER.skip === false) web = await WebPage.open();
});
after(async () => await web?.[Symbol.asyncDispose]());

test(
  'a directory is sent, only once, and what is there is what was sent',
  NEEDS_BROWSER,
  async () => {
    const tree = join(web.folder, 'set');
    await mkdir(join(tree, 'deep'), { recursive: true });
    // Several bodies of the protocol, with an end that is no whole chunk.
    const large = randomBytes(9_000_001);
    const sent = {
      'set/a.txt': Buffer.from('hello'),
      'set/deep/large.bin': large,
      'set/deep/empty': Buffer.alloc(0),
    };
    for (const [path, bytes] of Object.entries(sent))
      await writeFile(join(web.folder, path), bytes);
    await web.visit('#/files/vision');
    await web.page.getByRole('button', { name: 'Upload directory' }).waitFor();
    await web.page.setInputFiles('input[webkitdirectory]', tree);
    await web.page.getByText('3 of 3 files').waitFor();
    assert.match(await web.page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 8\.6 MiB sent/);
    for (const [path, bytes] of Object.entries(sent)) {
      assert.deepEqual(Buffer.from(await web.bytesOf(`/vision/${path}`)), bytes, path);
    }
    await web.name('set').waitFor();

    // The same again, one chunk of it changed, as after a reload: only that chunk is sent.
    await web.page.reload();
    large.fill(1, 300_000, 300_010);
    await writeFile(join(tree, 'deep/large.bin'), large);
    await web.page.setInputFiles('input[webkitdirectory]', tree);
    await web.page.getByText('another file is there already').waitFor();
    await web.page.getByText('3 of 3 files').waitFor();
    assert.match(await web.page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 256 KiB sent/);
    await web.page.getByRole('button', { name: 'Replace' }).click();
    await web.page.getByText('stored and checked').waitFor();
    assert.match(await web.page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 5 B sent/);
    assert.deepEqual(Buffer.from(await web.bytesOf('/vision/set/deep/large.bin')), large);
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
    await web.visitAnew('#/files/vision');
    await web.name('set').waitFor();
    await web.page.evaluate(`(${DROP})('by hand')`);
    await web.page.getByText('stored and checked').waitFor();
    assert.equal(Buffer.from(await web.bytesOf('/vision/dropped.txt')).toString(), 'by hand');
    await web.name('dropped.txt').waitFor();

    await ok(web.admin.send('POST', '/api/v1/volumes', { json: { name: 'open', public: true } }));
    await using guest = await addUser(web.server, web.admin, 'guest');
    const theirs = await openPage(web.browser, web.server.url, guest);
    await theirs.page.goto(`${web.server.url}/#/files/open`);
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
    const file = join(web.folder, 'stopped.bin');
    await writeFile(file, content);
    await web.visitAnew('#/files/vision');
    // One body gets through, what follows does not.
    let bodies = 0;
    const route = '**/api/v1/storage/file/chunks**';
    await web.page.route(route, async (request) => {
      bodies += 1;
      if (bodies === 1) await request.continue();
    });
    const choose = async (): Promise<void> => {
      await web.page.getByRole('button', { name: 'Upload files' }).waitFor();
      await web.page.setInputFiles('input[type=file]:not([webkitdirectory])', file);
    };
    await choose();
    await web.page.getByText('4.0 MiB of 8.6 MiB, 4.0 MiB sent').waitFor();
    await web.page.getByRole('button', { name: 'Cancel all' }).click();
    await web.page.getByText('cancelled').waitFor();
    const query = { path: '/vision/stopped.bin' };
    assert.equal((await web.admin.send('GET', FILES, { query })).status, 404);
    await web.page.unroute(route);
    await web.page.reload();
    await choose();
    await web.page.getByText('stored and checked').waitFor();
    assert.match(await web.page.innerText('.transfers'), /8\.6 MiB of 8\.6 MiB, 4\.6 MiB sent/);
    assert.deepEqual(Buffer.from(await web.bytesOf('/vision/stopped.bin')), content);
  },
);

test(
  'in a volume that is cut by content a file is cut as the server cuts it',
  NEEDS_BROWSER,
  async () => {
    await ok(web.admin.send('POST', '/api/v1/volumes', { json: { name: 'cut', chunking: 'cdc' } }));
    const before = randomBytes(3_000_000);
    await web.put('/cut/data.bin', before);
    const content = Buffer.concat([Buffer.from('inserted'), before]);
    const file = join(web.folder, 'data.bin');
    await writeFile(file, content);
    await web.visitAnew('#/files/cut');
    await web.page.setInputFiles('input[type=file]:not([webkitdirectory])', file);
    await web.page.getByRole('button', { name: 'Replace' }).click();
    await web.page.getByText('stored and checked').waitFor();
    const { etag } = (await web.admin.send('GET', FILES, { query: { path: '/cut/data.bin' } }))
      .json as Entry;
    assert.deepEqual(Buffer.from(await web.bytesOf('/cut/data.bin')), content);
    // As the server cuts it.
    await web.put('/cut/same.bin', content);
    assert.equal(
      ((await web.admin.send('GET', FILES, { query: { path: '/cut/same.bin' } })).json as Entry)
        .etag,
      etag,
    );
  },
);

test('the page breaks none of its own rules', NEEDS_BROWSER, () => {
  // Requests that are refused on purpose are told there as well.
  assert.deepEqual(
    web.faults.filter((fault) => !/status of (403|404|409)/.test(fault)),
    [],
  );
});
