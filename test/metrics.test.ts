import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { sha256 } from '../src/base/digest.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { FILES, STORAGE } from './support/access-lab.ts';
import { type HttpClient, ok } from './support/http-client.ts';
import { type Metrics, readMetrics, valueOf } from './support/metrics-text.ts';
import { sendRaw } from './support/raw-request.ts';
import { anonymousClient } from './support/server.ts';
import { startWithUsers, type TestUsers } from './support/users.ts';

const PROJECT = join(import.meta.dirname, '..');

let users: TestUsers<'alice' | 'prometheus'>;

before(async () => {
  users = await startWithUsers(['alice', 'prometheus']);
});
after(() => users[Symbol.asyncDispose]());

async function scrape(client: HttpClient = users.admin): Promise<Metrics> {
  const answer = await ok(client.send('GET', '/metrics'));
  assert.equal(answer.headers['content-type'], MEDIA_TYPES.metrics);
  return readMetrics(answer.text, 'prometheus');
}

/** What `act` adds to each of the samples. */
async function added(act: () => Promise<unknown>, samples: readonly string[]): Promise<number[]> {
  const earlier = await scrape();
  await act();
  const later = await scrape();
  return samples.map((sample) => valueOf(later, sample) - valueOf(earlier, sample));
}

test('admins and members of the group "metrics" read them, nobody else', async () => {
  const { admin, prometheus, server } = users;
  const outcome = async (client: HttpClient): Promise<string | number> => {
    const answer = await client.send('GET', '/metrics');
    return answer.code ?? answer.status;
  };
  await using anonymous = anonymousClient(server);
  assert.equal(await outcome(anonymous), 'certificate_required');
  assert.equal(await outcome(admin), 200);
  assert.equal(await outcome(prometheus), 'forbidden');
  const groups = '/api/v1/admin/groups';
  const member = ['prometheus'];
  await ok(admin.send('POST', groups, { json: { name: 'metrics', add: member } }));
  assert.equal(await outcome(prometheus), 200);
  assert.equal((await prometheus.send('GET', '/api/v1/admin/principals')).code, 'forbidden');
  await ok(admin.send('POST', groups, { json: { name: 'metrics', remove: member } }));
  assert.equal(await outcome(prometheus), 'forbidden');
});

test('who accepts OpenMetrics gets the same families in that form; HEAD gets no body', async () => {
  const { admin } = users;
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3';
  const answer = await ok(admin.send('GET', '/metrics', { headers: { accept } }));
  assert.equal(answer.headers['content-type'], MEDIA_TYPES.openMetrics);
  const families = readMetrics(answer.text, 'openmetrics');
  assert.deepEqual([...families.keys()], [...(await scrape()).keys()]);
  const head = await ok(admin.send('HEAD', '/metrics'));
  assert.equal(head.bytes.length, 0);
});

test('the counts are those of what was done', async () => {
  const { alice } = users;
  const body = new Uint8Array(randomBytes(100_000));
  const put = async (path: string): Promise<unknown> => {
    const request = { query: { path }, body, type: MEDIA_TYPES.bytes };
    return await ok(alice.send('POST', STORAGE, request));
  };
  const changes = await added(async () => {
    await put('/alice/one');
    await put('/alice/two');
    await ok(alice.send('GET', STORAGE, { query: { path: '/alice/one' } }));
    const missing = await alice.send('GET', FILES, { query: { path: '/alice/none' } });
    assert.equal(missing.code, 'not_found');
  }, [
    'gdpfs_requests_total{operation="storageFilesPost",status="201"}',
    'gdpfs_request_seconds_count{operation="storageFilesPost"}',
    'gdpfs_requests_total{operation="storageFilesGet",status="200"}',
    'gdpfs_requests_total{operation="filesGet",status="404"}',
    'gdpfs_failures_total{code="not_found"}',
    'gdpfs_store_commits_total',
    'gdpfs_requests_in_flight',
    'gdpfs_store_waiting_bytes',
  ]);
  assert.deepEqual(changes, [2, 2, 1, 1, 1, 2, 0, 0]);
  const [received = 0, sent = 0, syncs = 0, written = 0, taken = 0] = await added(async () => {
    await put('/alice/three');
    await ok(alice.send('GET', STORAGE, { query: { path: '/alice/three' } }));
  }, [
    'gdpfs_request_bytes_total{operation="storageFilesPost"}',
    'gdpfs_response_bytes_total{operation="storageFilesGet"}',
    'gdpfs_store_sync_seconds_count',
    'gdpfs_store_written_bytes_total',
    'gdpfs_store_disk_bytes',
  ]);
  for (const bytes of [received, sent]) assert(bytes > body.length && bytes < 2 * body.length);
  assert(syncs >= 1 && written > 0);
  assert.equal(taken, written);
});

test('chunks are counted with their bytes, and what need not be sent as present', async () => {
  const { alice } = users;
  const content = new Uint8Array(randomBytes(50_000));
  const counts = await added(async () => {
    const put = { query: { path: '/alice/chunk' }, body: content, type: MEDIA_TYPES.bytes };
    await ok(alice.send('POST', STORAGE, put));
    const digests = Buffer.concat([sha256(content), Buffer.alloc(32, 7)]);
    const query = { path: '/alice' };
    const type = MEDIA_TYPES.digests;
    await ok(alice.send('POST', '/api/v1/file/chunks', { query, body: digests, type }));
  }, [
    'gdpfs_store_chunks_total',
    'gdpfs_store_chunk_bytes_total',
    'gdpfs_digests_asked_total{answer="present"}',
    'gdpfs_digests_asked_total{answer="missing"}',
  ]);
  assert.deepEqual(counts, [1, content.length, 1, 1]);
});

test('what clients invent does not make the list longer', async () => {
  const { alice, server } = users;
  const series = async (): Promise<number> => {
    const metrics = await scrape();
    return [...metrics.values()].reduce((sum, { samples }) => sum + samples.size, 0);
  };
  const hostile = async (name: string): Promise<void> => {
    for (const [method, path] of [
      ['GET', `/${name}`],
      ['GET', `/api/v1/volumes/${name}`],
      ['GET', `/api/v1/files?path=/${name}/x&list=${name}`],
      ['DELETE', '/metrics'],
    ] as const) {
      await alice.send(method, path, { headers: { 'user-agent': name, accept: name } });
    }
    const raw = await sendRaw(server, ['Content-Type: "\\\\n{}'], `GET /${name}"\\{}`);
    assert.equal(raw.body.code, 'certificate_required');
  };
  await hostile('first');
  const before = await series();
  for (let count = 0; count < 5; count += 1) await hostile(`more-${count}`);
  assert.equal(await series(), before);
});

test('connections, the program, the disk and the certificates are told', async () => {
  await using another = users.admin.another();
  await ok(another.send('GET', '/healthz'));
  const metrics = await scrape();
  const { samples } = metrics.get('gdpfs_build_info') ?? assert.fail();
  assert.deepEqual(
    [...samples],
    [[`gdpfs_build_info{version="test",node="${process.version}"}`, 1]],
  );
  assert(valueOf(metrics, 'gdpfs_connections') >= 2);
  const free = valueOf(metrics, 'gdpfs_disk_free_bytes');
  assert(free > 0 && free <= valueOf(metrics, 'gdpfs_disk_size_bytes'));
  assert.equal(valueOf(metrics, 'gdpfs_store_failed'), 0);
  assert.equal(valueOf(metrics, 'gdpfs_volumes'), 2);
  for (const certificate of ['server', 'ca']) {
    const ends = `gdpfs_certificate_expires_seconds{certificate="${certificate}"}`;
    assert(valueOf(metrics, ends) > Date.now() / 1000, certificate);
  }
});

interface Rule {
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

test('rules and dashboard ask for what there is', async () => {
  const text = (await ok(users.admin.send('GET', '/metrics'))).text;
  // Of some there is no sample before something happened.
  const names = new Set(text.match(/(?<=^|^# TYPE )[a-zA-Z_:][\w:]*/gm));
  const rules = parse(readFileSync(join(PROJECT, 'deploy/prometheus/alerts.yaml'), 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  };
  const board = JSON.parse(readFileSync(join(PROJECT, 'deploy/grafana/gdpfs.json'), 'utf8')) as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  };
  for (const { labels, annotations } of rules.groups.flatMap((group) => group.rules)) {
    assert.match(labels.severity, /^(?:warning|critical)$/);
    assert.deepEqual(Object.keys(annotations), ['summary']);
  }
  const queries = [
    ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
    ...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
  assert(queries.length >= 20);
  for (const query of queries) {
    const used = query.match(/\b(?:gdpfs|process|nodejs)_\w+/g) ?? [];
    if (query !== 'up{job="gdpfs"} == 0') assert(used.length > 0, query);
    for (const name of used) assert(names.has(name), `${name} in ${query}`);
  }
});
