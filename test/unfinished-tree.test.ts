import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { listPages } from '../src/client/files.ts';
import type { Endpoint } from '../src/client/endpoint.ts';
import { copy } from '../src/client/transfer.ts';
import { LIMITS } from '../src/base/limits.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';
import { describeTree } from './support/tree.ts';

/** The same `cp -r` again after it was broken off: it names a directory that exists by now. */

let stack: AsyncDisposableStack;
let folder = '';
let opened: TestSession;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(folder, 'data')));
  opened = stack.use(await openTestSession(server));
});
after(() => stack.disposeAsync());

const FILES = 3 * LIMITS.tarFilesMax;

function makeSource(name: string, files = FILES): string {
  const source = join(folder, name);
  mkdirSync(source);
  for (let index = 0; index < files; index += 1) {
    writeFileSync(join(source, `f${index}`), `${name} ${index}`);
  }
  return source;
}

function local(path: string): Endpoint {
  return { kind: 'local', path };
}

function remote(path: string): Endpoint {
  return { kind: 'remote', session: opened.session, remote: { volume: VOLUME, path } };
}

/** `cp -r`; with `breaksOff` it ends when the first files have arrived. */
async function copyTree(
  source: Endpoint,
  destination: Endpoint,
  breaksOff = false,
): Promise<'done' | 'broken'> {
  const controller = new AbortController();
  const observer = {
    progress: ({ files }: { files: number }): void => {
      if (breaksOff && files > 0) controller.abort(new Error('enough'));
    },
  };
  const { signal } = controller;
  const transfer = { journalDirectory: join(folder, 'journals') };
  try {
    const sources = [source];
    await copy({ sources, destination, recursive: true, transfer, observer, signal });
    return 'done';
  } catch (error) {
    assert.match(String(error), /enough/);
    return 'broken';
  }
}

async function namesIn(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { entries } of listPages(opened.session, `/${VOLUME}/${path}`, {
    limit: 10_000,
  })) {
    names.push(...entries.map(({ name }) => name));
  }
  return names;
}

test('the same copy into a volume again goes on where a broken one stopped, and a whole one is copied inside', async () => {
  const source = makeSource('up');
  assert.equal(await copyTree(local(source), remote('new/up'), true), 'broken');
  assert.equal(await copyTree(local(source), remote('new/up'), true), 'broken');
  assert.equal(await copyTree(local(source), remote('new/up')), 'done');
  assert.equal((await namesIn('new/up')).length, FILES);
  assert.deepEqual(readdirSync(join(folder, 'journals')), []);
  // It has ended: from now on the rules of cp(1) hold.
  assert.equal(await copyTree(local(source), remote('new/up')), 'done');
  assert((await namesIn('new/up')).includes('up'));
});

test('the same copy out of a volume again goes on where a broken one stopped', async () => {
  // More than is on the way at once.
  const source = makeSource('down', 3 * FILES);
  utimesSync(source, 1000, 1000);
  assert.equal(await copyTree(local(source), remote('down')), 'done');
  const target = join(folder, 'down-back');
  assert.equal(await copyTree(remote('down'), local(target), true), 'broken');
  assert.equal(await copyTree(remote('down'), local(target)), 'done');
  assert.deepEqual(describeTree(target), describeTree(source));
  assert.deepEqual(readdirSync(join(folder, 'journals')), []);
});

test('a broken copy inside a directory that existed goes on inside it', async () => {
  const source = makeSource('inside');
  assert.equal(await copyTree(local(makeSource('first')), remote('box')), 'done');
  assert.equal(await copyTree(local(source), remote('box'), true), 'broken');
  assert.equal(await copyTree(local(source), remote('box')), 'done');
  assert.equal((await namesIn('box/inside')).length, FILES);
});
