/**
 * `node tools/measure-ingress.ts`: what a proxy in front of the server costs. For each proxy that is
 * installed, in one run, by turns straight and through it: small requests on one connection, and a
 * large file both ways. Prints a table; the medians of the turns.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { downloadFile } from '../src/client/download.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { uploadFile } from '../src/client/upload.ts';
import { createVolume, whoami } from '../src/client/volumes.ts';
import {
  INGRESS_KINDS,
  type IngressKind,
  ingressMissing,
  startIngress,
  trustedAs,
} from '../test/support/ingress.ts';
import { Random } from '../test/support/random.ts';
import { enrol, startServerAlone, temporaryDirectory } from '../test/support/server.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 192 * MIB;
const REQUESTS = 1500;
const TURNS = 3;

interface Figures {
  readonly requestUs: number;
  readonly upMibs: number;
  readonly downMibs: number;
}

async function measure(kind: IngressKind): Promise<readonly [Figures, Figures]> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryDirectory()).path;
  const dataDirectory = join(folder, 'data');
  const trusted = ['--trusted-proxy', trustedAs(kind)];
  const server = stack.use(await startServerAlone(dataDirectory, trusted));
  const ingress = stack.use(await startIngress({ kind, dataDirectory, serverUrl: server.url }));
  const { options } = stack.use(await enrol(server, server.adminToken ?? ''));
  const { certificate, key, ca } = options;
  assert(certificate !== undefined && key !== undefined);
  const sessions = [server.url, ingress.url].map((url) =>
    stack.use(openSession({ url, ca, certificate, key })),
  );
  const [straight, through] = sessions;
  assert(straight !== undefined && through !== undefined);
  await createVolume(straight, { name: 'v' });
  const turns: [Figures, Figures][] = [];
  for (let turn = 0; turn <= TURNS; turn++) {
    const figures: [Figures, Figures] = [
      await oneTurn(straight, { folder, seed: 2 * turn }),
      await oneTurn(through, { folder, seed: 2 * turn + 1 }),
    ];
    // The first one only warms up.
    if (turn > 0) turns.push(figures);
  }
  return [medians(turns.map(([first]) => first)), medians(turns.map(([, second]) => second))];
}

async function oneTurn(
  session: Session,
  { folder, seed }: { readonly folder: string; readonly seed: number },
): Promise<Figures> {
  const [source, target] = [join(folder, 'source'), join(folder, 'target')];
  writeFileSync(source, new Random(seed).bytes(FILE_BYTES));
  const path = `/v/${seed}`;
  const requestsMs = await timeOf(async () => {
    for (let count = 0; count < REQUESTS; count++) await whoami(session);
  });
  const upMs = await timeOf(() => uploadFile(session, { source, path }));
  const downMs = await timeOf(() => downloadFile(session, { path, target }));
  rmSync(target);
  const mibs = (ms: number): number => FILE_BYTES / MIB / (ms / 1000);
  return { requestUs: (1000 * requestsMs) / REQUESTS, upMibs: mibs(upMs), downMibs: mibs(downMs) };
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

function medians(figures: readonly Figures[]): Figures {
  const median = (of: (figures: Figures) => number): number =>
    figures.map(of).sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0;
  return {
    requestUs: median(({ requestUs }) => requestUs),
    upMibs: median(({ upMibs }) => upMibs),
    downMibs: median(({ downMibs }) => downMibs),
  };
}

console.log('| proxy | small request | up | down |\n| --- | --- | --- | --- |');
for (const kind of INGRESS_KINDS) {
  const missing = ingressMissing(kind);
  if (missing !== false) {
    console.log(`| ${kind} | ${missing} | | |`);
    continue;
  }
  const [straight, through] = await measure(kind);
  const cells = [
    `${straight.requestUs.toFixed(0)} → ${through.requestUs.toFixed(0)} µs`,
    `${straight.upMibs.toFixed(0)} → ${through.upMibs.toFixed(0)} MiB/s`,
    `${straight.downMibs.toFixed(0)} → ${through.downMibs.toFixed(0)} MiB/s`,
  ];
  console.log(`| ${kind} | ${cells.join(' | ')} |`);
}
