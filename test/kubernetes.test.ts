import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { parseConfig } from '../src/client/config.ts';
import { openHome } from '../src/client/home.ts';
import { openSession } from '../src/client/session.ts';
import { whoami } from '../src/client/volumes.ts';
import { runCli } from './support/cli.ts';
import { CliUser } from './support/cli-user.ts';
import { mountReadOnly } from './support/mount.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './support/server.ts';

/** That docs/kubernetes.md and deploy/kubernetes/training-job.yaml say what works. */

const PROJECT = join(import.meta.dirname, '..');
const DOCUMENT = readFileSync(join(PROJECT, 'docs/kubernetes.md'), 'utf8');
const PYTHON = process.env['PYTHON'] ?? join(PROJECT, 'python/.venv/bin/python');

interface Job {
  readonly kind: string;
  readonly spec: {
    readonly completionMode: string;
    readonly completions: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly env: readonly { readonly name: string; readonly value: unknown }[];
          readonly volumeMounts: readonly {
            readonly name: string;
            readonly mountPath: string;
            readonly readOnly?: boolean;
          }[];
        }[];
        readonly volumes: readonly {
          readonly name: string;
          readonly secret?: {
            readonly secretName: string;
            readonly defaultMode: number;
            readonly items: readonly { readonly key: string; readonly path: string }[];
          };
        }[];
      };
    };
  };
}

const job = parse(readFileSync(join(PROJECT, 'deploy/kubernetes/training-job.yaml'), 'utf8'), {
  // As Kubernetes reads it: 0440 is octal.
  version: '1.1',
}) as Job;
const pod = job.spec.template.spec;
const [container] = pod.containers;
assert(container !== undefined);
const environment = new Map(container.env.map(({ name, value }) => [name, value]));

let stack: AsyncDisposableStack;
let folder: string;
let server: ServerProcess;
/** The folder that the secret is mounted at, as it is in a pod. */
let mounted: string;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerProcess(join(folder, 'data')));
  const home = join(folder, 'training-login');
  const user = new CliUser({ home });
  await user.succeeds(['login', server.url, server.adminToken ?? '']);
  await user.succeeds(['volume', 'create', 'vision']);
  const records = join(PROJECT, 'test/fixtures/tfrecord/records.tfrecord');
  await user.succeeds(['cp', records, 'gdp://vision/']);
  mounted = mountAsPodsDo(makeSecret());
});
after(() => stack.disposeAsync());

/** Runs the commands of the document, with what `kubectl create secret` is said to do. */
function makeSecret(): string {
  const [, script = ''] = /```sh\n(sed [\s\S]*?)```/.exec(DOCUMENT) ?? [];
  assert.match(script, /kubectl create secret generic gdpfs-login /);
  const bin = join(folder, 'bin');
  const keys = join(folder, 'secret');
  mkdirSync(bin);
  mkdirSync(keys);
  const kubectl = `#!/bin/sh
for argument in "$@"; do
  case $argument in
    --from-file=*) cp $(find "\${argument#--from-file=}" -maxdepth 1 -type f) '${keys}' || exit 1 ;;
  esac
done
`;
  writeFileSync(join(bin, 'kubectl'), kubectl, { mode: 0o755 });
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  execFileSync('sh', ['-e', '-c', script], { cwd: folder, env });
  return keys;
}

/** The kubelet puts the files into a folder of their own and links to them. */
function mountAsPodsDo(keys: string): string {
  const secret = pod.volumes.find(({ name }) => name === 'gdpfs-login')?.secret;
  assert(secret !== undefined);
  const path = join(folder, 'etc-gdpfs');
  mkdirSync(join(path, '..2026_11_26_22_00_00.1'), { recursive: true });
  symlinkSync('..2026_11_26_22_00_00.1', join(path, '..data'));
  for (const item of secret.items) {
    const file = join(path, '..data', item.path);
    copyFileSync(join(keys, item.key), file);
    chmodSync(file, secret.defaultMode);
    symlinkSync(join('..data', item.path), join(path, item.path));
  }
  return path;
}

test('the job is one that Kubernetes takes, and mounts what it has', () => {
  assert.equal(job.kind, 'Job');
  assert.equal(job.spec.completionMode, 'Indexed');
  assert.equal(Number(environment.get('WORKERS')), job.spec.completions);
  const volumes = pod.volumes.map(({ name }) => name);
  for (const { name } of container.volumeMounts) assert(volumes.includes(name), name);
  for (const { name, value } of container.env) assert.equal(typeof value, 'string', name);
  const login = container.volumeMounts.find(({ name }) => name === 'gdpfs-login');
  assert.deepEqual(login, {
    name: 'gdpfs-login',
    mountPath: environment.get('GDPFS_HOME'),
    readOnly: true,
  });
  const cache = container.volumeMounts.find(({ name }) => name === 'gdpfs-cache');
  assert.equal(cache?.mountPath, environment.get('GDPFS_CACHE_DIR'));
});

test('every variable of gdpfs that the job or the document names is one that a client reads', () => {
  const sources = globSync(['src/**/*.ts', 'python/src/**/*.py', 'python/native/src/*.cc'], {
    cwd: PROJECT,
  });
  const code = sources.map((path) => readFileSync(join(PROJECT, path), 'utf8')).join('\n');
  const named = [...environment.keys(), ...(DOCUMENT.match(/\bGDPFS_[A-Z_]+\b/g) ?? [])];
  const ours = new Set(named.filter((name) => name.startsWith('GDPFS_')));
  assert(ours.size >= 3);
  for (const name of ours) assert(new RegExp(`\\b${name}\\b`).test(code), name);
});

test('the secret has the files that its config.json names, and no others', () => {
  const path = join(mounted, 'config.json');
  const { profiles, current = '' } = parseConfig(readFileSync(path, 'utf8'), path);
  const profile = profiles[current];
  assert(profile !== undefined);
  const files = [profile.ca, profile.certificate, profile.key, 'config.json'];
  assert.deepEqual(
    readdirSync(mounted)
      .filter((name) => !name.startsWith('..'))
      .sort(),
    files.sort(),
  );
  const secret = pod.volumes.find(({ name }) => name === 'gdpfs-login')?.secret;
  assert.equal(secret?.defaultMode, 0o440);
});

test('everything reads and writes with the login mounted read-only, and says nothing of it', async (context) => {
  if (!mountReadOnly(context, mounted)) return;
  const before = readdirSync(mounted, { recursive: true });
  const local = join(folder, 'local');
  const cli = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli([...args], { home: mounted });
    assert.deepEqual([code, stderr.replaceAll(/^gdpfs: copied .*\n/gm, '')], [0, '']);
    return stdout;
  };
  assert.match(await cli('ls', 'gdp://vision'), /records\.tfrecord/);
  await cli('cp', '-r', 'gdp://vision', local);
  await cli('cp', '-r', local, 'gdp://vision/copy');
  await cli('sync', local, 'gdp://vision/copy');
  await cli('verify', 'gdp://vision');
  const env = { ...process.env, GDPFS_HOME: mounted };
  const program = join(PROJECT, 'test/tfjs/record-program.ts');
  const line = JSON.stringify({ label: ['int64', ['7']] });
  execFileSync(process.execPath, [program, 'write', 'gdp://vision/new'], { env, input: line });
  const read = execFileSync(process.execPath, [program, 'read', 'gdp://vision/new'], { env });
  assert.equal(read.toString(), `${line}\n`);
  assert.deepEqual(readdirSync(mounted, { recursive: true }), before);
});

test('Python reads and writes with the login mounted read-only', (context) => {
  if (!existsSync(PYTHON))
    return context.skip('there is no python/.venv: npm run test:python makes it');
  if (!mountReadOnly(context, mounted)) return;
  const code = `
import fsspec
with fsspec.open("gdp://vision/python", "wb") as file:
    file.write(b"from a pod")
print(fsspec.open("gdp://vision/python").open().read())
import gdpfs.tensorflow, tensorflow as tf
tf.io.gfile.copy("gdp://vision/python", "gdp://vision/tensorflow")
print(tf.io.gfile.GFile("gdp://vision/tensorflow", "rb").read())
`;
  const env = { ...process.env, GDPFS_HOME: mounted, TF_CPP_MIN_LOG_LEVEL: '3' };
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', code], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "b'from a pod'\n".repeat(2));
});

test('a certificate that is about to expire is renewed for the process, with the login mounted read-only', async (context) => {
  if (!mountReadOnly(context, mounted)) return;
  const home = openHome(mounted);
  const profile = await home.profile();
  const warnings: string[] = [];
  const dayMs = 24 * 3600 * 1000;
  await using session = openSession({
    ...profile,
    credentials: home.credentials(profile),
    clock: { now: () => Date.now() + 25 * dayMs },
    onWarning: (text) => void warnings.push(text),
  });
  const { principal } = await whoami(session);
  assert.equal(principal, profile.principal);
  await session[Symbol.asyncDispose]();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /cannot store the renewed certificate/);
  assert.deepEqual(await home.profile(), profile);
});
