import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { sha256 } from '../src/base/digest.ts';
import type { ChangeResult, Missing, Upload, Volume } from '../src/wire/generated/api.ts';
import type { PackEntry } from '../src/wire/entry-pack.ts';
import { encodeEntryPack } from '../src/wire/entry-pack-writer.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { commitOf, digestsOf, type FilePlan, framesOf, planFile } from './support/file-plan.ts';
import { HttpClient, type HttpRequest } from './support/http-client.ts';
import { addUser, enrol, startServerProcess, temporaryDirectory } from './support/server.ts';

const KIB = 1024;
const CHUNK = 64 * KIB;
const KILLS = 6;
const WORKERS = 4;
const MANY_FILES = 20;
const STORAGE = '/api/v1/storage/files';

/** What was asked of the server and what it has acknowledged. */
class Ledger {
  /** Files of acknowledged requests. */
  readonly files = new Map<string, Uint8Array>();
  /** Plans of which all chunks are acknowledged. */
  readonly chunks: FilePlan[] = [];
  /** Dentries that the acknowledged changes made. */
  dentries = 0;
  /** Requests that had no answer when the server was killed. */
  cut: Operation[] = [];
  cutCount = 0;
  acknowledged = 0;
  #goal = { count: 0, reached: () => undefined as void };

  acknowledge(operation: Operation, result: ChangeResult): void {
    for (const [path, bytes] of operation.files) this.files.set(path, bytes);
    this.dentries += result.count;
    this.acknowledged += 1;
    if (this.acknowledged === this.#goal.count) this.#goal.reached();
  }

  /** Resolves when so many more requests have been acknowledged. */
  async reach(more: number): Promise<void> {
    await new Promise<void>((reached) => {
      this.#goal = { count: this.acknowledged + more, reached };
    });
  }
}

/** A change of some files, that can be sent again. */
interface Operation {
  readonly files: ReadonlyMap<string, Uint8Array>;
  run(client: HttpClient, ledger: Ledger): Promise<ChangeResult>;
}

async function change(
  client: HttpClient,
  [method, path]: readonly [string, string],
  request: HttpRequest,
): Promise<ChangeResult> {
  const answer = await client.send(method, path, request);
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return answer.json as ChangeResult;
}

function newKey(): Record<string, string> {
  return { 'idempotency-key': randomBytes(16).toString('hex') };
}

function wholeFile(path: string): Operation {
  const body = new Uint8Array(randomBytes(randomInt(300 * KIB)));
  const request = { query: { path, parents: true }, body, headers: newKey() };
  return {
    files: new Map([[path, body]]),
    run: (client) => change(client, ['POST', STORAGE], request),
  };
}

const FORMS = {
  tar: { type: 'application/x-tar', encode: encodeTar },
  pack: { type: 'application/vnd.gdpfs.entries', encode: encodeEntryPack },
} as const;

function manyFiles(path: string, form: keyof typeof FORMS): Operation {
  const { type, encode } = FORMS[form];
  const files = new Map<string, Uint8Array>();
  const entries: PackEntry[] = [];
  for (let index = 10; index < 10 + MANY_FILES; index += 1) {
    const data = new Uint8Array(randomBytes(randomInt(8 * KIB)));
    files.set(`${path}/${index}`, data);
    const attributes = { mode: 0o644, mtimeUs: 0, digest: sha256(data) };
    entries.push({ kind: 'file', path: String(index), data, ...attributes });
  }
  const headers = newKey();
  return {
    files,
    async run(client) {
      const request = { query: { path, parents: true }, body: encode(entries), type, headers };
      return await change(client, ['POST', STORAGE], request);
    },
  };
}

function chunkUpload(path: string): Operation {
  const plan = planFile(randomBytes(randomInt(10 * CHUNK)), CHUNK);
  const headers = newKey();
  /** The upload that the commit names: a repeated request is the same request. */
  let committing: string | undefined;
  return {
    files: new Map([[path, new Uint8Array(plan.bytes)]]),
    async run(client, ledger) {
      if (committing === undefined) {
        const upload = await openUpload(client, path, plan);
        const sent = {
          query: { upload },
          body: framesOf(plan),
          type: 'application/vnd.gdpfs.chunks',
        };
        await change(client, ['POST', '/api/v1/storage/file/chunks'], sent);
        ledger.chunks.push(plan);
        committing = upload;
      }
      const { query, ...rest } = commitOf(plan, { path, upload: committing });
      const request = { query: { ...query, parents: true }, ...rest, headers };
      const answer = await client.send('PATCH', '/api/v1/files', request);
      if (answer.code === 'upload_not_found') {
        // It was not committed; the upload itself need not survive, its chunks must.
        committing = await openUpload(client, path, plan);
        return await this.run(client, ledger);
      }
      assert.equal(answer.status, 200, answer.text);
      return answer.json as ChangeResult;
    },
  };
}

async function openUpload(client: HttpClient, path: string, plan: FilePlan): Promise<string> {
  const json = { path, kind: 'upload', size: plan.bytes.length, chunkSize: CHUNK };
  const answer = await client.send('POST', '/api/v1/files', { json });
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return (answer.json as Upload).upload;
}

/** Makes changes, one after the other, until the connection breaks. */
async function work(client: HttpClient, directory: string, ledger: Ledger): Promise<void> {
  const kinds = [
    wholeFile,
    (path: string) => manyFiles(path, 'pack'),
    chunkUpload,
    (path: string) => manyFiles(path, 'tar'),
  ];
  for (let count = 0; ; count += 1) {
    const make = kinds[count % kinds.length] ?? wholeFile;
    const operation = make(`${directory}/${count}`);
    let result: ChangeResult;
    try {
      result = await operation.run(client, ledger);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      ledger.cut.push(operation);
      return;
    }
    ledger.acknowledge(operation, result);
  }
}

/** Are all files of the operation there, as they should be? Some of them only is a failure. */
async function isDone(client: HttpClient, operation: Operation): Promise<boolean> {
  let present = 0;
  for (const [path, bytes] of operation.files) {
    const answer = await client.send('GET', STORAGE, { query: { path } });
    if (answer.status === 404) continue;
    assert.deepEqual(answer.bytes, bytes, path);
    present += 1;
  }
  assert(present === 0 || present === operation.files.size, 'a commit is whole or not there');
  return present > 0;
}

async function checkAll(client: HttpClient, ledger: Ledger): Promise<void> {
  for (const [path, bytes] of ledger.files) {
    const answer = await client.send('GET', STORAGE, { query: { path } });
    assert.equal(answer.status, 200, `${path}: ${answer.text.slice(0, 200)}`);
    assert.deepEqual(answer.bytes, bytes, path);
  }
  const upload = await openUpload(client, '/alice/asks', planFile(new Uint8Array(1), CHUNK));
  for (const plan of ledger.chunks) {
    if (plan.chunks.length === 0) continue;
    const type = 'application/vnd.gdpfs.digests';
    const request = { query: { upload }, body: digestsOf(plan.chunks), type };
    const answer = await client.send('POST', '/api/v1/file/chunks', request);
    assert.deepEqual((answer.json as Missing).missing, [], 'an acknowledged chunk is there');
  }
  const volume = (await client.send('GET', '/api/v1/volumes/alice')).json as Volume;
  // The meta record, the policy, and what the changes made, each once.
  assert.equal(volume.count, 2 + ledger.dentries);
}

test('kill -9 under load loses nothing acknowledged, halves no commit, repeats nothing', async (t) => {
  await using directory = await temporaryDirectory();
  const ledger = new Ledger();
  let caller: HttpClient['options'] | undefined;
  let done = 0;
  for (let round = 0; round <= KILLS; round += 1) {
    await using server = await startServerProcess(directory.path);
    if (caller === undefined) {
      await using admin = await enrol(server, server.adminToken ?? '');
      await using alice = await addUser(server, admin, 'alice');
      caller = alice.options;
    }
    const options = { ...caller, url: server.url };
    await using client = new HttpClient(options);
    for (const operation of ledger.cut.splice(0)) {
      if (await isDone(client, operation)) done += 1;
      ledger.acknowledge(operation, await operation.run(client, ledger));
    }
    await checkAll(client, ledger);
    if (round === KILLS) break;
    const reached = ledger.reach(randomInt(5, 60));
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      await using own = new HttpClient(options);
      await work(own, `/alice/${round}-${worker}`, ledger);
    });
    await Promise.race([reached, Promise.all(workers)]);
    await server.kill();
    await Promise.all(workers);
    ledger.cutCount += ledger.cut.length;
  }
  // Not a vacuous run: every kill hit every worker in the middle of something.
  assert.equal(ledger.cutCount, KILLS * WORKERS);
  assert(ledger.acknowledged > KILLS * 5);
  t.diagnostic(`${ledger.acknowledged} changes, ${done} of ${ledger.cutCount} cut ones were done`);
});
