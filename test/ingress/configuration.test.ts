/** What the files in `deploy/` must say, beside what the tests through real proxies show of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { LIMITS } from '../../src/base/limits.ts';
import { IDENTITY_HEADERS } from '../../src/server/forwarded-certificate.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const GATEWAY = ['gateway.yaml', 'envoy-gateway.yaml'];

/** Without comments. */
function configuration(file: string): string {
  return readFileSync(join(DEPLOY, file), 'utf8').replace(/^\s*#.*$/gm, '');
}

const NGINX = configuration('nginx/gdpfs.conf');
const HAPROXY = configuration('haproxy/haproxy.cfg');
const ENVOY = configuration('envoy/envoy.yaml');
const KUBERNETES = GATEWAY.map((file) => configuration(`kubernetes/gateway/${file}`)).join('\n');

/** The milliseconds that stand behind each `name` in the text. */
function durations(text: string, name: string): number[] {
  const found = [...text.matchAll(new RegExp(`^\\s*${name}:?\\s+(\\d+)(ms|s|m)?\\b`, 'gm'))];
  assert(found.length > 0, `${name} is set`);
  const unitMs = { ms: 1, s: 1000, m: 60_000 };
  return found.map(([, count, unit = 'ms']) => Number(count) * unitMs[unit as keyof typeof unitMs]);
}

test('every configuration deals with every field that may forward a certificate', () => {
  for (const text of [NGINX, HAPROXY]) {
    for (const name of IDENTITY_HEADERS) {
      assert.match(text, new RegExp(`(proxy_set_header|http-request del-header) ${name}\\b`), name);
    }
  }
  for (const text of [ENVOY, KUBERNETES]) {
    const [, removed = ''] = /(?:request_headers_to_remove|remove): \[(.*)\]/.exec(text) ?? [];
    const removedOrReplaced = [...removed.split(', '), 'x-forwarded-client-cert'];
    assert.deepEqual(new Set(removedOrReplaced), new Set(IDENTITY_HEADERS));
  }
  assert.match(ENVOY, /forward_client_cert_details: SANITIZE_SET\n/);
  assert.match(KUBERNETES, /mode: SanitizeSet\n\s+certDetailsToAdd: \[Cert\]/);
});

test('the nginx configuration sets header fields where no location can lose them', () => {
  const locations = [...NGINX.matchAll(/location [^{]+\{([^}]*)\}/g)].map(([, body]) => body ?? '');
  assert(locations.length >= 2);
  for (const body of locations) assert.doesNotMatch(body, /proxy_set_header|proxy_pass http:/);
});

test('no proxy gives up before the server and its client do', () => {
  const patient = [
    ...['client_body_timeout', 'send_timeout', 'proxy_send_timeout', 'proxy_read_timeout'].map(
      (name) => durations(NGINX, name),
    ),
    ...['timeout client', 'timeout server'].map((name) => durations(HAPROXY, name)),
    durations(ENVOY, 'stream_idle_timeout'),
    durations(KUBERNETES, 'streamIdleTimeout'),
  ].flat();
  for (const timeMs of patient) assert(timeMs >= 2 * LIMITS.requestStallMs, String(timeMs));
  assert.deepEqual(
    [...durations(ENVOY, 'timeout'), ...durations(ENVOY, 'request_timeout')],
    [0, 0],
  );
  assert.match(KUBERNETES, /timeouts: \{ request: 0s, backendRequest: 0s \}/);
  assert.deepEqual(durations(KUBERNETES, 'requestTimeout'), [0]);
  assert.deepEqual(durations(KUBERNETES, 'requestReceivedTimeout'), [0]);
});

test('idle connections to the server are closed by the proxy first', () => {
  const [, upstream = ''] = /upstream gdpfs \{([^}]*)\}/.exec(NGINX) ?? [];
  const idleMs = [
    ...durations(upstream, 'keepalive_timeout'),
    ...durations(HAPROXY, 'default-server pool-purge-delay'),
    ...durations(
      ENVOY.replaceAll(/.*\{ idle_timeout: (\w+) \}.*/g, 'upstream_idle $1'),
      'upstream_idle',
    ),
    ...durations(KUBERNETES, 'connectionIdleTimeout'),
  ];
  for (const timeMs of idleMs) assert(timeMs < LIMITS.keepAliveMs, String(timeMs));
});

test('a head that the server takes fits through every proxy', () => {
  const [, count, kib] = /large_client_header_buffers (\d+) (\d+)k;/.exec(NGINX) ?? [];
  assert(Number(count) * Number(kib) * 1024 >= LIMITS.requestHeaderBytesMax);
  assert(Number(kib) * 1024 >= LIMITS.forwardedCertificateLengthMax);
  const [, bytes] = /tune\.bufsize (\d+)/.exec(HAPROXY) ?? [];
  assert(Number(bytes) > 2 * LIMITS.requestHeaderBytesMax);
});

test('the manifests name each other, and the certificates that their head says how to make', () => {
  const files = ['gateway.yaml', 'envoy-gateway.yaml', 'passthrough.yaml'];
  const texts = files.map((file) => readFileSync(join(DEPLOY, 'kubernetes/gateway', file), 'utf8'));
  const objects = texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS() as { kind: string; metadata: { name: string } };
    }),
  );
  const made = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  assert.equal(new Set(made).size, made.length);
  const secrets = [...(texts[0] ?? '').matchAll(/kubectl create (secret tls|configmap) (\S+)/g)];
  const known = new Set([
    ...objects.map(({ metadata }) => metadata.name),
    ...secrets.map(([, , name]) => name),
    'edge',
    'x-forwarded-client-cert',
  ]);
  for (const [, name] of texts.join('\n').matchAll(/\bname: ([a-z-]+)/g)) {
    if (name === 'https' || name === 'tls') continue;
    assert(known.has(name ?? ''), name);
  }
});
