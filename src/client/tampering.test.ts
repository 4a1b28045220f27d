import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { crc32 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { startServerProcess } from '../../test/support/server.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import {
  type Passing,
  startTamperingProxy,
  type TamperingProxy,
} from '../../test/support/tampering-proxy.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { downloadFile } from './download.ts';
import { makeDirectory } from './files.ts';
import { readFile } from './read.ts';
import { openSession, type Session } from './session.ts';
import { copy } from './transfer.ts';
import type { VerifyReport } from './verification.ts';
import { verifyVolume } from './verify.ts';

const CHUNK = LIMITS.chunkBytesDefault;
const CHUNK_ROUTE = '/api/v1/storage/file/chunks';

let client: TestClient;
let proxy: TamperingProxy;
/** Through the proxy. */
let session: Session;
let large: Buffer;
let small: Buffer;

before(async () => {
  client = await startTestClient(startServerProcess);
  proxy = await startTamperingProxy(client.server, client);
  session = openSession({ ...client.identity, url: proxy.url });
  large = randomBytes(3 * CHUNK);
  small = randomBytes(1000);
  const source = join(client.folder, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'large'), large);
  writeFileSync(join(source, 'small'), small);
  const remote = { volume: VOLUME, path: 'tree' };
  const destination = { kind: 'remote', session: client.session, remote } as const;
  await copy({ sources: [{ kind: 'local', path: source }], destination, recursive: true });
});

after(async () => {
  await session[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
});

beforeEach(() => {
  proxy.tamper = ({ body }) => body;
});

/** Changes a byte in the data of the first frame; its checksum fits. */
function forgeFrame(body: Buffer): Buffer {
  const forged = Buffer.from(body);
  forged[20] = (forged[20] ?? 0) ^ 1;
  const length = forged.readUInt32BE(12);
  forged.writeUInt32BE(crc32(forged.subarray(16, 16 + length)), 8);
  return forged;
}

function flip(body: Buffer, at: number): Buffer {
  const changed = Buffer.from(body);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** Tampers with the first `times` answers of a route. */
function tamperWith(
  route: string,
  change: (body: Buffer) => Buffer | 'cut',
  times = Number.POSITIVE_INFINITY,
): () => number {
  let count = 0;
  proxy.tamper = ({ url, body }: Passing) => {
    if (url.pathname !== route || count === times) return body;
    count += 1;
    return change(body);
  };
  return () => count;
}

function newTarget(name: string): string {
  const directory = join(client.folder, name);
  mkdirSync(directory);
  return join(directory, 'file');
}

async function download(target: string): Promise<void> {
  await downloadFile(session, { path: `/${VOLUME}/tree/large`, target });
}

test('downloadFile() never writes a chunk whose digest is wrong', async () => {
  const target = newTarget('forged');
  tamperWith(CHUNK_ROUTE, forgeFrame);
  await rejectsWith(download(target), 'corrupt');
  assert.equal(existsSync(target), false);
  const [part] = readdirSync(join(target, '..'));
  assert(part !== undefined);
  const written = readFileSync(join(target, '..', part));
  assert.deepEqual(written, Buffer.alloc(large.length), 'nothing of the body was written');
});

test('downloadFile() keeps the old file if it cannot get the new one', async () => {
  const target = newTarget('kept');
  writeFileSync(target, 'old');
  tamperWith(CHUNK_ROUTE, forgeFrame);
  await rejectsWith(download(target), 'corrupt');
  assert.equal(readFileSync(target, 'utf8'), 'old');
});

test('downloadFile() asks again for what came damaged, cut short or not at all', async () => {
  const changes: ((body: Buffer) => Buffer | 'cut')[] = [
    forgeFrame,
    (body) => flip(body, 1000),
    (body) => flip(body, 8),
    (body) => body.subarray(0, body.length - 1),
    () => 'cut',
  ];
  for (const [index, change] of changes.entries()) {
    const target = newTarget(`again-${index}`);
    const count = tamperWith(CHUNK_ROUTE, change, 2);
    await download(target);
    assert.equal(count(), 2);
    assert.deepEqual(readFileSync(target), large);
    assert.deepEqual(readdirSync(join(target, '..')), ['file'], 'the part file is gone');
  }
});

test('downloadFile() refuses more bytes than the manifest promises', async () => {
  const target = newTarget('more');
  tamperWith(CHUNK_ROUTE, (body) => Buffer.concat([body, body]));
  await rejectsWith(download(target), 'corrupt');
  assert.equal(existsSync(target), false);
});

test('downloadFile() refuses a manifest that is not what the ETag says', async () => {
  const target = newTarget('manifest');
  tamperWith('/api/v1/file/chunks', (body) => flip(body, 40));
  await rejectsWith(download(target), 'corrupt');
  assert.equal(existsSync(target), false);
});

test('downloadFile() fetches only what an unfinished download did not bring', async () => {
  const target = newTarget('resumed');
  let isCut = false;
  // One range a request, to have some before the connection fails for good.
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== CHUNK_ROUTE) return body;
    isCut = true;
    return forgeFrame(body);
  };
  await rejectsWith(download(target), 'corrupt');
  assert(isCut);
  const [part] = readdirSync(join(target, '..'));
  assert(part !== undefined);
  const bytes = readFileSync(join(target, '..', part));
  large.copy(bytes, CHUNK, CHUNK, 2 * CHUNK);
  writeFileSync(join(target, '..', part), bytes);
  proxy.tamper = ({ body }) => body;
  const path = `/${VOLUME}/tree/large`;
  const result = await downloadFile(session, { path, target });
  assert.deepEqual([result.bytesReceived, result.bytesReused], [2 * CHUNK, CHUNK]);
  assert.deepEqual(readFileSync(target), large);
});

test('copy() fetches a small file by itself if it came damaged in a stream', async () => {
  const count = tamperWith('/api/v1/storage/tar', (body) => flip(body, body.length - 100), 1);
  const source = { kind: 'remote', session, remote: { volume: VOLUME, path: 'tree' } } as const;
  const target = join(client.folder, 'stream');
  const destination = { kind: 'local', path: target } as const;
  const result = await copy({ sources: [source], destination, recursive: true });
  assert.equal(count(), 1);
  assert.deepEqual([result.files, result.errors], [2, []]);
  assert.deepEqual(readFileSync(join(target, 'small')), small);
});

test('readFile() hands out nothing that is not verified', async () => {
  tamperWith(CHUNK_ROUTE, forgeFrame);
  const pieces: Uint8Array[] = [];
  const reading = (async () => {
    for await (const piece of readFile(session, `/${VOLUME}/tree/large`)) pieces.push(piece);
  })();
  await rejectsWith(reading, 'corrupt');
  assert.deepEqual(pieces, []);
});

test('verifyVolume() finds nothing wrong with what the server wrote', async () => {
  const report = await verifyVolume(session, { volume: VOLUME, data: true });
  assert.deepEqual(report.problems, []);
  assert.deepEqual(
    [report.files, report.chunks, report.bytes],
    [2, 4, large.length + small.length],
  );
});

test('verifyVolume() finds any changed byte of the log', async () => {
  const { records } = await verifyVolume(session, { volume: VOLUME, data: false });
  let size = 0;
  let ends: number[] = [];
  tamperWith(`/api/v1/volumes/${await volumeName()}/commits`, (body) => {
    size = body.length;
    ends = commitEnds(body);
    return body;
  });
  await verifyVolume(session, { volume: VOLUME, data: false });
  for (let at = 4; at < size; at += Math.ceil(size / 50)) {
    // The length in front of a commit is not of the log: a wrong one looks like a broken connection.
    if (ends.some((end) => at >= end && at < end + 4)) continue;
    tamperWith(`/api/v1/volumes/${await volumeName()}/commits`, (body) => flip(body, at));
    const report = await verifyVolume(session, { volume: VOLUME, data: false });
    assert.equal(report.problems.length, 1, `byte ${at}`);
    assert(report.records < records);
  }
});

/** The places behind every commit of a stream of them. */
function commitEnds(body: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 0; at < body.length; ) {
    at += 4 + body.readUInt32BE(at);
    ends.push(at);
  }
  return ends;
}

test('verifyVolume() finds that the log was cut short between two commits', async () => {
  const route = `/api/v1/volumes/${await volumeName()}/commits`;
  const { body } = await client.session.request({ method: 'GET', route });
  const ends = [0, ...commitEnds(Buffer.from(body))];
  assert(ends.length >= 3);
  for (const end of ends.slice(0, -1)) {
    tamperWith(route, (whole) => whole.subarray(0, end));
    const report = await verifyVolume(session, { volume: VOLUME, data: true });
    assert.deepEqual(problemCodes(report), ['untrusted'], `cut at ${end}`);
    assert.equal(report.files, 0);
  }
});

test('verifyVolume() finds a log that is not the one of the newest checkpoint', async () => {
  const route = `/api/v1/volumes/${await volumeName()}/checkpoint`;
  const { records } = await verifyVolume(session, { volume: VOLUME, data: false });
  const changes: Record<string, (lines: string[]) => string[]> = {
    'another root': (lines) => lines.with(2, Buffer.alloc(32, 7).toString('base64')),
    'a record more': (lines) => lines.with(1, String(records + 1)),
    'the root of the whole log for a part of it': (lines) => lines.with(1, '2'),
  };
  for (const [what, change] of Object.entries(changes)) {
    tamperWith(route, (note) => Buffer.from(change(note.toString().split('\n')).join('\n')));
    const report = await verifyVolume(session, { volume: VOLUME, data: false });
    assert.deepEqual(problemCodes(report), ['untrusted'], what);
  }
  tamperWith(route, () => Buffer.from('no note'));
  assert.deepEqual(problemCodes(await verifyVolume(session, { volume: VOLUME, data: false })), [
    'corrupt',
  ]);
});

test('verifyVolume() takes commits that came after the checkpoint', async () => {
  const route = `/api/v1/volumes/${await volumeName()}/checkpoint`;
  const { body: older } = await client.session.request({ method: 'GET', route });
  const { records } = await verifyVolume(session, { volume: VOLUME, data: false });
  await makeDirectory(client.session, `/${VOLUME}/later`);
  tamperWith(route, () => Buffer.from(older));
  const report = await verifyVolume(session, { volume: VOLUME, data: true });
  assert.deepEqual([report.problems, report.records], [[], records + 1]);
});

function problemCodes({ problems }: VerifyReport): string[] {
  return problems.map(({ error }) => error.code);
}

async function volumeName(): Promise<string> {
  const answer = await client.session.request({
    method: 'GET',
    route: `/api/v1/volumes/${VOLUME}`,
  });
  const { name } = JSON.parse(Buffer.from(answer.body).toString()) as { name: string };
  return name;
}

test('verifyVolume() finds a listing that is not what the log says', async () => {
  tamperWith('/api/v1/files', (body) =>
    Buffer.from(body.toString().replace('"size":1000', '"size":1001')),
  );
  const report = await verifyVolume(session, { volume: VOLUME, data: false });
  assert.deepEqual(
    report.problems.map(({ path }) => path),
    ['tree/small'],
  );
});

test('verifyVolume() finds content that is not what the log says', async () => {
  tamperWith(CHUNK_ROUTE, forgeFrame);
  const report = await verifyVolume(session, { volume: VOLUME, data: true });
  assert.deepEqual(
    report.problems.map(({ path, error }) => [path, error.code]),
    [['tree/large', 'corrupt']],
  );
});

test('verifyVolume() finds a manifest whose checksum is not that of the data', async () => {
  // The frame says the same: only the data shows it.
  tamperWith('/api/v1/file/chunks', (body) => flip(body, 12));
  const manifestTamper = proxy.tamper;
  proxy.tamper = (passing) => {
    if (passing.url.pathname !== CHUNK_ROUTE) return manifestTamper(passing);
    return flip(passing.body, 8);
  };
  const report = await verifyVolume(session, { volume: VOLUME, data: true });
  assert.deepEqual(
    report.problems.map(({ path, error }) => [path, error.code]),
    [['tree/large', 'corrupt']],
  );
  assert.match(report.problems[0]?.error.message ?? '', /checksum/);
});

test('a session repeats a changing request under the same key until it is answered', async () => {
  const keys: unknown[] = [];
  proxy.tamper = ({ method, url, headers, body }) => {
    if (method !== 'POST' || url.pathname !== '/api/v1/files') return body;
    keys.push(headers['idempotency-key']);
    return keys.length < 3 ? 'cut' : body;
  };
  const json = { path: `/${VOLUME}/once`, kind: 'directory' };
  const request = { method: 'POST', route: '/api/v1/files', json, changes: true } as const;
  await session.request(request);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  await rejectsWith(session.request(request), 'exists');
});
