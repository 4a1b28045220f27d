import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { bundleProgram } from '../tools/bundle.ts';
import { reservePort } from './support/ports.ts';
import { PROGRAM, PROJECT } from './support/program.ts';
import { temporaryDirectory } from './support/server.ts';

/** What deploy/ has for systemd, containers and Kubernetes starts a server, as it is written there. */

const UNIT = readFileSync(join(PROJECT, 'deploy/systemd/gdpfs.service'), 'utf8');
const CONTAINERFILE = readFileSync(join(PROJECT, 'deploy/container/Containerfile'), 'utf8');
/** Long enough for a loaded machine; nothing waits for it to pass. */
const START_TIMEOUT_MS = 120_000;
/** Of the container's user. */
const UID = 10_001;

let stack: AsyncDisposableStack;
let folder: string;
/** What /app is in the container. */
let app: string;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  app = join(folder, 'app');
  chmodSync(folder, 0o755);
});
after(() => stack.disposeAsync());

interface Started {
  readonly line: string;
  readonly port: number;
  stop(): Promise<number | null>;
}

/** Runs these arguments of gdpfs, on a port of its own, until it is ready. */
async function serve(
  program: readonly string[],
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly uid?: number },
): Promise<Started> {
  const port = await reservePort();
  const local = args.map((word) => word.replace(/^0\.0\.0\.0:\d+$/, `127.0.0.1:${port}`));
  const [command = '', ...first] = program;
  const { env, uid } = options;
  const child = spawn(command, [...first, ...local], {
    env,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let log = '';
  child.stderr.on('data', (piece: Buffer) => (log += piece.toString()));
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line', { signal }),
    ended.then(([code]) => assert.fail(`it ended with ${code}: ${log}`)),
  ]).catch((error: unknown) => {
    // Otherwise it would outlive the test, and keep the runner from ending.
    child.kill('SIGKILL');
    throw error;
  });
  return {
    line: String(line),
    port,
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
  };
}

function settings(name: string): string[] {
  return [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

test('the unit for systemd starts the server as it is written, and SIGTERM ends it with 0', async () => {
  const [command = ''] = settings('ExecStart');
  const [program, ...words] = command.split(' ');
  assert.equal(program, '/usr/local/bin/gdpfs');
  const data = join(folder, 'state');
  // The last one is what /etc/gdpfs/serve.conf says, which is in the comment of the unit.
  const [, options = ''] = /^# {3}GDPFS_OPTIONS=(.*)$/m.exec(UNIT) ?? [];
  assert.equal(words.pop(), '$GDPFS_OPTIONS');
  const args = [...words, ...options.split(' ')].map((word) =>
    word.replace('${STATE_DIRECTORY}', data),
  );
  const { PATH } = process.env;
  const env = { PATH, HOME: '/nonexistent', XDG_CACHE_HOME: join(folder, 'cache') };
  const server = await serve([process.execPath, PROGRAM], args, { env });
  assert.match(server.line, /^ready at .*first admin/);
  assert.equal(await server.stop(), 0);
});

test('systemd takes the unit, and finds little that it could do', (context) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    return context.skip('there is no systemd-analyze');
  }
  const path = join(folder, 'gdpfs.service');
  // The program is not where it is on a server.
  writeFileSync(path, UNIT.replace(/(?<=^ExecStart=)\S+/m, process.execPath));
  const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  const about = verified.stderr.split('\n').filter((line) => line.includes('gdpfs.service'));
  assert.deepEqual([verified.status, about], [0, []]);
  const checked = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', '--threshold=20', '--no-pager', path],
    { encoding: 'utf8' },
  );
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});

/** Lines of the Containerfile that begin with a word, continued ones joined. */
function instructions(stage: 'build' | 'final', name: string): string[] {
  const [build = '', final = ''] = CONTAINERFILE.split(/^FROM (?!.* AS )/m);
  const text = (stage === 'build' ? build : final).replaceAll('\\\n', ' ');
  return [...text.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, rest = '']) => rest);
}

test('what the image copies exists, and is all that the program reads', async (context) => {
  for (const copy of instructions('build', 'COPY')) {
    for (const source of copy.split(' ').slice(0, -1))
      assert(existsSync(join(PROJECT, source)), source);
  }
  const copies = instructions('final', 'COPY').map((copy) => copy.split(' '));
  const made = copies.map(([stage, source = '', target = '']) => {
    assert.equal(stage, '--from=build');
    return [source.replace('/build/', ''), target] as const;
  });
  assert.deepEqual(
    made.map(([source]) => source),
    ['package.json', 'node_modules', 'api', 'dist/program'],
  );
  await layOut();
  const isRoot = process.getuid?.() === 0;
  const uid = isRoot ? { uid: UID, gid: UID } : {};
  const probe = spawnSync(process.execPath, ['--version'], { cwd: '/', ...uid });
  if (probe.status !== 0) return context.skip('another user cannot run this Node');
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) execFileSync('chown', [`${UID}:${UID}`, data]);
  const { args, environment, health } = container(data);
  const program = [process.execPath, join(app, 'dist/program/main.cjs')];
  const server = await serve(program, args, {
    env: environment,
    ...(isRoot ? { uid: UID } : {}),
  });
  const check = (): number | null => {
    // Where the name leads to elsewhere, this process keeps the port from others.
    const command = health.replace('localhost:7443', `127.0.0.1:${server.port}`);
    return spawnSync('sh', ['-c', command], { env: environment, cwd: '/', ...uid }).status;
  };
  const whileItRuns = check();
  assert.equal(await server.stop(), 0);
  assert.deepEqual([whileItRuns, check()], [0, 1]);
});

/** Makes what is in the container's /app, which nobody may write. */
async function layOut(): Promise<void> {
  mkdirSync(app);
  for (const name of ['package.json', 'api'])
    cpSync(join(PROJECT, name), join(app, name), { recursive: true });
  if (PROGRAM.endsWith('.cjs'))
    cpSync(dirname(PROGRAM), join(app, 'dist/program'), { recursive: true });
  else await bundleProgram(join(app, 'dist/program'));
  for (const path of productionPackages()) {
    const target = join(app, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(PROJECT, path), target, { recursive: true, dereference: true });
  }
  execFileSync('chmod', ['-R', 'a-w,a+rX', app]);
}

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      { readonly dev?: boolean; readonly devOptional?: boolean; readonly peer?: boolean }
    >
  >;
}

/** Paths of the packages that `npm prune --omit=dev --omit=peer` leaves. */
function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path]) => path);
}

/** What the container starts and looks at, with `data` for its volume. */
function container(data: string) {
  const [entry = ''] = instructions('final', 'ENTRYPOINT');
  assert.deepEqual(JSON.parse(entry), ['gdpfs']);
  const [command = ''] = instructions('final', 'CMD');
  const args = (JSON.parse(command) as string[]).map((word) => (word === '/data' ? data : word));
  const [check = ''] = instructions('final', 'HEALTHCHECK');
  const [, health = ''] = / CMD (.*)$/.exec(check) ?? [];
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const variables = instructions('final', 'ENV').map((pair) => pair.split('=') as [string, string]);
  const environment = { PATH: `${bin}:/usr/bin:/bin`, HOME: '/', ...Object.fromEntries(variables) };
  return { args, environment, health: health.replaceAll('/data/', `${data}/`) };
}

interface StatefulSet {
  readonly kind: string;
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: { readonly runAsUser: number };
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly startupProbe: { readonly httpGet: { readonly path: string } };
          readonly livenessProbe: { readonly httpGet: { readonly path: string } };
        }[];
      };
    };
  };
}

test('the pod of Kubernetes runs the image with options that it has', async () => {
  const text = readFileSync(join(PROJECT, 'deploy/kubernetes/server.yaml'), 'utf8');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    ['Service', 'StatefulSet'],
  );
  const set = documents[1] as StatefulSet;
  assert.equal(set.spec.replicas, 1);
  const { securityContext, containers } = set.spec.template.spec;
  assert.equal(securityContext.runAsUser, UID);
  assert(CONTAINERFILE.includes(`USER ${UID}:${UID}`));
  const [container] = containers;
  assert(container !== undefined);
  const { httpGet } = container.startupProbe;
  assert.deepEqual([httpGet.path, container.livenessProbe.httpGet.path], ['/readyz', '/healthz']);
  const data = join(folder, 'pod');
  const args = container.args.map((word) => (word === '/data/gdpfs' ? data : word));
  assert(args.includes(data));
  const { PATH } = process.env;
  const server = await serve([process.execPath, PROGRAM], args, { env: { PATH, HOME: folder } });
  assert.equal(await server.stop(), 0);
});
