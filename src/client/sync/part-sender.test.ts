import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8Encode } from '../../base/bytes.ts';
import { LocalReader } from '../local-reader.ts';
import type { ApiRequest, Session } from '../session.ts';
import { Tally } from '../tally.ts';
import { type PartAction, PartSender } from './part-sender.ts';

const QUESTION = '/api/v1/file/chunks';

test('PartSender asks what is missing while the directory is being made, and sends when it is there', async (t) => {
  const source = mkdtempSync(join(tmpdir(), 'gdpfs-part-'));
  t.after(() => rmSync(source, { recursive: true }));
  writeFileSync(join(source, 'file'), 'content');
  const made = Promise.withResolvers<void>();
  const events: string[] = [];
  const session: Session = {
    url: '',
    hasChanged: false,
    request: ({ route }: ApiRequest) => {
      events.push(route);
      if (route === QUESTION) {
        // A sender that waits for the directory never comes here.
        setImmediate(() => {
          events.push('made');
          made.resolve();
        });
      }
      const body = utf8Encode(JSON.stringify({ missing: [0] }));
      return Promise.resolve({ headers: {}, body, bodyBytes: body.length });
    },
    [Symbol.asyncDispose]: async () => {},
  };
  await using reader = new LocalReader({ root: source, rules: [] });
  const part: PartAction[] = [];
  for await (const page of reader.list()) {
    for (const entry of page)
      if (entry.kind === 'file') part.push({ kind: 'file', entry, reason: 'new' });
  }
  const tally = new Tally();
  const sender = new PartSender(session, {
    source,
    path: '/v/new',
    reader,
    asksFirst: true,
    ready: made.promise,
    tally,
  });
  await sender.send(part);
  assert.deepEqual(events, [QUESTION, 'made', '/api/v1/storage/files']);
  assert.deepEqual([tally.files, tally.bytesSent], [1, 7]);
});

test('PartSender throws why the directory could not be made, whatever else fails', async (t) => {
  const source = mkdtempSync(join(tmpdir(), 'gdpfs-part-'));
  t.after(() => rmSync(source, { recursive: true }));
  writeFileSync(join(source, 'file'), 'content');
  const session: Session = {
    url: '',
    hasChanged: false,
    request: () => Promise.reject(new Error('the question failed')),
    [Symbol.asyncDispose]: async () => {},
  };
  await using reader = new LocalReader({ root: source, rules: [] });
  const entry = { relative: 'file', kind: 'file', size: 7, mode: 0o644, mtimeUs: 0 } as const;
  const ready = Promise.reject(new Error('there is a file'));
  ready.catch(() => {});
  const sender = new PartSender(session, {
    source,
    path: '/v/new',
    reader,
    asksFirst: true,
    ready,
    tally: new Tally(),
  });
  await assert.rejects(sender.send([{ kind: 'file', entry, reason: 'new' }]), /there is a file/);
});
