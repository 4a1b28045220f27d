/** A server that lists names which nobody could have made. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { comparePaths } from '../src/format/path.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { sync } from '../src/client/sync/sync.ts';
import type { TransferResult } from '../src/client/tally.ts';
import { copy } from '../src/client/transfer.ts';
import { decodeListing, type ListingRow, ListingWriter } from '../src/wire/listing.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, VOLUME } from './support/session.ts';
import { startTamperingProxy, type TamperingProxy } from './support/tampering-proxy.ts';

let stack: AsyncDisposableStack;
let folder: string;
let proxy: TamperingProxy;
let session: Session;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(folder, 'data')));
  const client = stack.use(await openTestSession(server));
  proxy = stack.use(await startTamperingProxy(server, client));
  session = stack.use(openSession({ ...client.identity, url: proxy.url }));
  const source = join(folder, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'good'), 'good');
  await copy({
    sources: [{ kind: 'local', path: source }],
    destination: { kind: 'remote', session, remote: { volume: VOLUME, path: 'tree' } },
    recursive: true,
  });
});

after(() => stack.disposeAsync());

/** Lists `rows` beside what is there. */
function list(rows: (good: ListingRow) => readonly ListingRow[]): void {
  proxy.tamper = ({ url, body }) => {
    if (url.searchParams.get('list') !== 'recursive') return body;
    const [good] = decodeListing(body);
    assert(good !== undefined);
    const writer = new ListingWriter();
    const all = [good, ...rows(good)].toSorted((left, right) => {
      return comparePaths(left.relative, right.relative);
    });
    for (const row of all) writer.add(row);
    return Buffer.from(writer.finish());
  };
}

async function receive(target: string): Promise<TransferResult> {
  return await copy({
    sources: [{ kind: 'remote', session, remote: { volume: VOLUME, path: 'tree' } }],
    destination: { kind: 'local', path: target },
    recursive: true,
    asDestination: true,
  });
}

test('names that lead out of the target are refused, whatever they name', async () => {
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'victim'), 'old');
  const names = ['../victim', 'a/../../victim', '/victim', '..', 'x/./y', 'x\0y'];
  for (const name of names) {
    for (const kind of ['file', 'directory', 'symlink'] as const) {
      list((good) => {
        if (kind === 'file') return [{ ...good, relative: name }];
        const { content: _, ...rest } = good;
        return [
          {
            ...rest,
            relative: name,
            kind,
            size: 0,
            ...(kind === 'symlink' ? { target: 'good' } : {}),
          },
        ];
      });
      const target = join(outside, 'target');
      let errors: TransferResult['errors'] = [];
      try {
        ({ errors } = await receive(target));
        assert.deepEqual(
          errors.map(({ error }) => error.code),
          ['bad_request'],
          name,
        );
      } catch (error) {
        // Or nothing of such a listing is believed.
        assert(isGdpfsError(error, 'corrupt', 'bad_request'), String(error));
      }
      assert.deepEqual(readdirSync(outside).toSorted(), ['target', 'victim'], `${kind} ${name}`);
      assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'old');
    }
  }
});

test('nothing is written through a link of the same listing', async () => {
  const outside = join(folder, 'through');
  mkdirSync(outside);
  list((good) => {
    const { content: _, ...rest } = good;
    return [
      { ...rest, relative: 'link', kind: 'symlink', size: 0, target: outside },
      { ...good, relative: 'link/x' },
      { ...rest, relative: 'safe', kind: 'symlink', size: 0, target: '.' },
      { ...good, relative: 'safe/y' },
    ];
  });
  const target = join(folder, 'through-target');
  for (const unsafeLinks of [false, true]) {
    const { errors } = await sync({
      source: { kind: 'remote', session, remote: { volume: VOLUME, path: 'tree' } },
      destination: { kind: 'local', path: target },
      transfer: { unsafeLinks },
      remove: true,
    });
    assert(errors.length > 0);
    assert.deepEqual(readdirSync(outside), []);
    assert(!existsSync(join(target, 'y')), 'the link led back into the target');
  }
});

test('a listing that is not in order is not believed', async () => {
  proxy.tamper = ({ url, body }) => {
    if (url.searchParams.get('list') !== 'recursive') return body;
    const [good] = decodeListing(body);
    assert(good !== undefined);
    const writer = new ListingWriter();
    for (const relative of ['b', 'a']) writer.add({ ...good, relative });
    return Buffer.from(writer.finish());
  };
  const receiving = receive(join(folder, 'order'));
  await assert.rejects(receiving, (error) => isGdpfsError(error, 'corrupt'));
});
