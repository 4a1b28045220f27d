import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { crc32 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { startServerProcess } from '../../test/support/server.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { startTamperingProxy, type TamperingProxy } from '../../test/support/tampering-proxy.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { type DownloadOptions, type DownloadResult, downloadFile } from './download.ts';
import { change, stat } from './files.ts';
import { finishingPath, partPath } from './part-names.ts';
import { openSession, type Session } from './session.ts';
import { uploadFile } from './upload.ts';
import { createVolume } from './volumes.ts';

const CHUNK = LIMITS.chunkBytesDefault;
/** Chunks in one body. */
const BODY = LIMITS.bodyBytesTarget / CHUNK;
const CHUNK_ROUTE = '/api/v1/storage/file/chunks';

let client: TestClient;
let proxy: TamperingProxy;
/** Through the proxy. */
let session: Session;

before(async () => {
  client = await startTestClient(startServerProcess);
  proxy = await startTamperingProxy(client.server, client);
  session = openSession({ ...client.identity, url: proxy.url });
});

after(async () => {
  await session[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
});

beforeEach(() => {
  proxy.tamper = ({ body }) => body;
});

/** A directory of its own, with a file of that content in it and in the volume. */
async function newFile(name: string, content: Uint8Array): Promise<string> {
  const directory = join(client.folder, name);
  mkdirSync(directory);
  await put(name, content);
  return join(directory, 'file');
}

async function put(name: string, content: Uint8Array): Promise<void> {
  const source = join(client.folder, `${name}.source`);
  writeFileSync(source, content, { mode: 0o640 });
  await uploadFile(client.session, { source, path: `/${VOLUME}/${name}` });
}

async function get(
  name: string,
  target: string,
  options: Partial<DownloadOptions> = {},
): Promise<DownloadResult> {
  return await downloadFile(session, { path: `/${VOLUME}/${name}`, target, ...options });
}

/** Lets `count` bodies of chunks pass; then the connection fails as often as it is tried. */
function cutAfter(count: number): void {
  let passed = 0;
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== CHUNK_ROUTE) return body;
    passed += 1;
    return passed > count ? Buffer.alloc(body.length) : body;
  };
}

/** Leaves a part with `count` bodies of chunks in it. */
async function breakOff(name: string, target: string, count: number): Promise<void> {
  cutAfter(count);
  await rejectsWith(get(name, target), 'corrupt');
  proxy.tamper = ({ body }) => body;
}

/** The target has the content, and there is nothing else beside it. */
function requireWhole(target: string, content: Uint8Array): void {
  assert(readFileSync(target).equals(content), 'the content is that of the volume');
  assert.deepEqual(readdirSync(join(target, '..')), ['file']);
  assert.equal(statSync(target).mode & 0o7777, 0o640);
}

test('downloadFile() leaves a file alone that has the content, and sets its attributes', async () => {
  const content = randomBytes(9 * CHUNK + 5);
  const target = await newFile('same', content);
  writeFileSync(target, content, { mode: 0o600 });
  const { ino } = statSync(target);
  const progress: number[] = [];
  const result = await get('same', target, { onProgress: (bytes) => progress.push(bytes) });
  assert.deepEqual([result.bytesReceived, result.bytesReused], [0, content.length]);
  requireWhole(target, content);
  assert.equal(statSync(target).ino, ino, 'it was not written again');
  assert.equal(
    progress.reduce((sum, bytes) => sum + bytes, 0),
    content.length,
  );
  const { mtimeUs } = await stat(session, `/${VOLUME}/same`);
  assert.equal(Math.floor(statSync(target).mtimeMs), Math.floor(mtimeUs / 1000));
});

test('downloadFile() fetches only the chunks that the target does not have', async () => {
  const content = randomBytes(40 * CHUNK + 7);
  const target = await newFile('delta', content);
  const old = Buffer.from(content);
  for (const chunk of [3, 20, 40]) old[chunk * CHUNK] = (old[chunk * CHUNK] ?? 0) ^ 1;
  writeFileSync(target, old);
  linkSync(target, `${client.folder}/delta.old`);
  const progress: number[] = [];
  const result = await get('delta', target, { onProgress: (bytes) => progress.push(bytes) });
  assert.deepEqual(result.bytesReceived, 2 * CHUNK + 7);
  assert.equal(result.bytesReused, content.length - result.bytesReceived);
  requireWhole(target, content);
  assert(readFileSync(`${client.folder}/delta.old`).equals(old), 'the old file was not written to');
  assert.equal(
    progress.reduce((sum, bytes) => sum + bytes, 0),
    content.length,
  );
});

test('downloadFile() finds chunks again that an insertion or a cut has moved', async () => {
  const content = randomBytes(40 * CHUNK);
  const target = await newFile('moved', content);
  for (const old of [
    content.subarray(1),
    Buffer.concat([randomBytes(1000), content]),
    Buffer.concat([content.subarray(0, 20 * CHUNK), randomBytes(77), content.subarray(20 * CHUNK)]),
  ]) {
    writeFileSync(target, old);
    const { bytesReceived } = await get('moved', target);
    assert(bytesReceived <= CHUNK, `${bytesReceived} bytes`);
    requireWhole(target, content);
  }
});

test('downloadFile() finds chunks again in a volume whose files are cut by content', async () => {
  const volume = 'cut';
  await createVolume(client.session, { name: volume, chunking: 'cdc' });
  const directory = join(client.folder, 'cut');
  mkdirSync(directory);
  const source = join(client.folder, 'cut.source');
  const target = join(directory, 'file');
  const old = randomBytes(64 * CHUNK);
  const content = Buffer.concat([randomBytes(1), old.subarray(0, 30 * CHUNK), old]);
  writeFileSync(source, content, { mode: 0o640 });
  writeFileSync(target, old);
  await uploadFile(client.session, { source, path: `/${volume}/file` });
  const path = `/${volume}/file`;
  const { bytesReceived } = await downloadFile(session, { path, target });
  // One byte in front moves all, and much of the file is in it twice.
  assert(bytesReceived <= 12 * CHUNK, `${bytesReceived} bytes`);
  requireWhole(target, content);
});

test('downloadFile() takes chunks from the file given to reuse, and needs it to be there', async () => {
  const content = randomBytes(10 * CHUNK);
  const target = await newFile('reuse', content);
  const reuse = join(client.folder, 'reuse.local');
  await rejectsWith(get('reuse', target, { transfer: { reuse } }), 'not_found');
  await rejectsWith(get('reuse', target, { transfer: { reuse: client.folder } }), 'not_found');
  writeFileSync(`${reuse}.file`, content.subarray(2 * CHUNK));
  symlinkSync(`${reuse}.file`, reuse);
  const { bytesReceived } = await get('reuse', target, { transfer: { reuse } });
  assert.equal(bytesReceived, 2 * CHUNK);
  requireWhole(target, content);
});

test('downloadFile() takes no chunk from a local file that only has its checksum', async () => {
  const content = Buffer.alloc(4 * CHUNK, 'x');
  const target = await newFile('forged', content);
  const old = Buffer.from(content);
  // CRC-32 is linear: its own polynomial changes no checksum.
  for (const [index, byte] of [0x41, 0x06, 0x71, 0xdb, 0x01].entries()) {
    old[CHUNK + 100 + index] = (old[CHUNK + 100 + index] ?? 0) ^ byte;
  }
  assert.equal(crc32(old), crc32(content));
  writeFileSync(target, old);
  await get('forged', target);
  requireWhole(target, content);
});

test('downloadFile() goes on with what an unfinished download left, in a sparse file too', async () => {
  const target = await newFile('sparse', randomBytes((BODY + 1) * CHUNK));
  await change(session, `/${VOLUME}/sparse`, { op: 'truncate', size: 400 * CHUNK });
  await breakOff('sparse', target, 1);
  let progress = 0;
  const onProgress = (more: number): void => {
    progress += more;
  };
  const { bytesReceived, bytesReused } = await get('sparse', target, { onProgress });
  assert.equal(progress, 400 * CHUNK, 'holes are there too');
  assert.equal(bytesReceived + bytesReused, (BODY + 1) * CHUNK);
  assert(bytesReused > 0, 'the part was kept');
  const { size, blocks } = statSync(target);
  assert.equal(size, 400 * CHUNK);
  assert(blocks * 512 < (BODY + 4) * CHUNK, `${blocks} blocks`);
});

test('downloadFile() fetches no zeros and writes none', async () => {
  const content = Buffer.alloc(100 * CHUNK + 50);
  randomBytes(CHUNK).copy(content, 50 * CHUNK);
  const target = await newFile('zeros', content);
  const { bytesReceived } = await get('zeros', target);
  assert.equal(bytesReceived, CHUNK);
  requireWhole(target, content);
  assert(statSync(target).blocks * 512 < 2 * CHUNK);
});

test('downloadFile() believes its journal, and with recheck looks at every byte of the part', async () => {
  const size = LIMITS.partSyncBytes + 8 * LIMITS.bodyBytesTarget;
  const content = randomBytes(size);
  const target = await newFile('journal', content);
  await breakOff('journal', target, size / LIMITS.bodyBytesTarget - 2);
  const names = readdirSync(join(target, '..')).toSorted();
  assert.equal(names.length, 2, 'a part and its journal');
  writeFileSync(join(target, '..', names[0] ?? ''), Buffer.alloc(CHUNK), { flag: 'r+' });
  const ranges: string[] = [];
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== CHUNK_ROUTE) return body;
    ranges.push(...(url.searchParams.get('ranges') ?? '').split(','));
    return Buffer.alloc(body.length);
  };
  await rejectsWith(get('journal', target), 'corrupt');
  assert(ranges.length > 0 && !ranges.some((range) => range.startsWith('0:')), ranges.join());
  proxy.tamper = ({ body }) => body;
  const { bytesReceived } = await get('journal', target, { transfer: { recheck: true } });
  assert(bytesReceived >= CHUNK && bytesReceived <= CHUNK + 2 * LIMITS.bodyBytesTarget);
  requireWhole(target, content);
});

test('downloadFile() clears the holes of a part when it rechecks', async () => {
  const content = Buffer.alloc(4 * BODY * CHUNK);
  const data = randomBytes((BODY + 1) * CHUNK);
  data.copy(content);
  const target = await newFile('recheck', data);
  await change(session, `/${VOLUME}/recheck`, { op: 'truncate', size: content.length });
  await breakOff('recheck', target, 1);
  const [part = ''] = readdirSync(join(target, '..'));
  const path = join(target, '..', part);
  const bytes = readFileSync(path);
  bytes.fill(7, 3 * BODY * CHUNK);
  writeFileSync(path, bytes);
  await get('recheck', target, { transfer: { recheck: true } });
  requireWhole(target, content);
});

test('downloadFile() uses the part of another version, and removes it', async () => {
  const content = randomBytes(5 * BODY * CHUNK);
  const target = await newFile('version', content);
  await breakOff('version', target, 3);
  content.fill(1, CHUNK, 2 * CHUNK);
  await put('version', content);
  const { bytesReceived } = await get('version', target);
  assert(bytesReceived <= (2 * BODY + 1) * CHUNK, `${bytesReceived / CHUNK} chunks`);
  requireWhole(target, content);
});

test('downloadFile() goes on after a crash between the two names of a finished part', async () => {
  const content = randomBytes(10 * CHUNK);
  const target = await newFile('crashed', content);
  writeFileSync(finishingPath(partPath(target, 'sha256:any')), content);
  const { bytesReceived } = await get('crashed', target);
  assert.equal(bytesReceived, 0);
  requireWhole(target, content);
});

test('downloadFile() goes on with the new version when a file is replaced meanwhile', async () => {
  const content = randomBytes(100 * CHUNK);
  const target = await newFile('replaced', content);
  let bodies = 0;
  let replaced: Promise<void> | undefined;
  const changed = Buffer.from(content).fill(1, 0, CHUNK);
  proxy.before = async ({ url }) => {
    if (url.pathname !== CHUNK_ROUTE) return;
    bodies += 1;
    if (bodies < 6) return;
    replaced ??= put('replaced', changed);
    await replaced;
  };
  let progress = 0;
  const onProgress = (bytes: number): void => {
    progress += bytes;
  };
  const { bytesReceived, bytesReused } = await get('replaced', target, { onProgress });
  assert.equal(progress, content.length);
  proxy.before = async () => {};
  assert(replaced !== undefined);
  assert.equal(bytesReceived + bytesReused, content.length);
  assert(bytesReused >= 3 * LIMITS.bodyBytesTarget, `${bytesReused} bytes from the first part`);
  requireWhole(target, changed);
});

test('downloads of one target at once end with one whole version, and no other file', async () => {
  const versions = [randomBytes(20 * CHUNK), randomBytes(20 * CHUNK)];
  const target = await newFile('race', randomBytes(1));
  const names = versions.map((_, index) => `race-${index}`);
  for (const [index, name] of names.entries()) await put(name, versions[index] ?? Buffer.alloc(0));
  for (let round = 0; round < 3; round += 1) {
    rmSync(target, { force: true });
    const downloads = [...names, ...names].map((name) => {
      return downloadFile(client.session, { path: `/${VOLUME}/${name}`, target });
    });
    await Promise.all(downloads);
    const end = readFileSync(target);
    const winner = versions.find((content) => content.equals(end));
    assert(winner !== undefined, 'it is one of the versions');
    requireWhole(target, winner);
  }
});

test('a download whose part is taken away takes what it had, and fetches none of it again', async () => {
  const content = randomBytes(60 * CHUNK);
  const target = await newFile('taken', content);
  let bodies = 0;
  let received = 0;
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== CHUNK_ROUTE) return body;
    received += body.length;
    bodies += 1;
    if (bodies === 4) {
      for (const name of readdirSync(join(target, '..'))) rmSync(join(target, '..', name));
    }
    return body;
  };
  await get('taken', target);
  requireWhole(target, content);
  const inFlight = LIMITS.transferConcurrency * LIMITS.bodyBytesTarget;
  assert(received < content.length + 2 * inFlight);
});

test('downloadFile() replaces a link, and neither a directory nor a fifo', async () => {
  const content = randomBytes(3 * CHUNK);
  const target = await newFile('kinds', content);
  mkdirSync(target);
  await rejectsWith(get('kinds', target), 'is_a_directory');
  rmSync(target, { recursive: true });
  execFileSync('mkfifo', [target]);
  await rejectsWith(get('kinds', target), 'not_a_file');
  rmSync(target);
  const outside = join(client.folder, 'kinds.outside');
  writeFileSync(outside, content, { mode: 0o600 });
  symlinkSync(outside, target);
  await get('kinds', target);
  requireWhole(target, content);
  assert(!lstatSync(target).isSymbolicLink());
  assert.equal(statSync(outside).mode & 0o7777, 0o600, 'what it pointed to is as it was');
});

test('downloadFile() says so when the directory is missing or cannot be written to', async () => {
  await newFile('unwritable', randomBytes(10));
  await rejectsWith(get('unwritable', join(client.folder, 'none', 'file')), 'not_found');
  // A file system in which nobody may create files, not even root.
  await rejectsWith(get('unwritable', '/sys/gdpfs-file'), 'local_io');
});

test('downloadFile() stops on a full disk, and goes on when there is space', async (context) => {
  const content = randomBytes(48 * CHUNK);
  await newFile('full', content);
  const mount = join(client.folder, 'full.disk');
  mkdirSync(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mount], { stdio: 'pipe' });
  } catch (error) {
    context.skip(`cannot mount a small disk: ${String(error)}`);
    return;
  }
  try {
    const ballast = join(mount, 'ballast');
    writeFileSync(ballast, Buffer.alloc(10 * CHUNK));
    const target = join(mount, 'file');
    for (let run = 0; run < 2; run += 1) {
      writeFileSync(ballast, Buffer.alloc((20 - run) * CHUNK));
      await rejectsWith(get('full', target), 'no_space');
      assert(!existsSync(target));
    }
    rmSync(ballast);
    const { bytesReused } = await get('full', target);
    assert(bytesReused > 20 * CHUNK, `${bytesReused / CHUNK} chunks were kept`);
    requireWhole(target, content);
  } finally {
    execFileSync('umount', ['--lazy', mount]);
  }
});
