import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { bundleProgram } from './bundle.ts';
import { FaultProxy } from '../test/support/fault-proxy.ts';
import { compareTrees } from './compare-trees.ts';
import { run, startServer } from './gdpfs-process.ts';

test('the bundled program serves, copies a tree both ways, and names the licenses of what is in it', async (t) => {
  const bundle = join(import.meta.dirname, `../dist/bundle-test-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-bundle-'));
  t.after(() => {
    for (const path of [bundle, folder]) rmSync(path, { recursive: true, force: true });
  });
  await bundleProgram(bundle);
  const caches = join(folder, 'caches');
  process.env['XDG_CACHE_HOME'] = caches;
  t.after(() => delete process.env['XDG_CACHE_HOME']);
  const user = {
    home: join(folder, 'home'),
    signal: t.signal,
    program: join(bundle, 'main.cjs'),
  };
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'sub/small'), 'small');
  writeFileSync(join(tree, 'large'), randomBytes(2 * LIMITS.smallFileBytesMax + 1));
  await using server = await startServer(user, join(folder, 'data'));
  await run(user, 'login', server.url, server.token);
  await run(user, 'volume', 'create', 'v');
  await run(user, 'cp', '-r', '--md5', tree, 'gdp://v/tree');
  const back = join(folder, 'back');
  await run(user, 'cp', '-r', 'gdp://v/tree', back);
  assert.deepEqual((await compareTrees(tree, back)).differences, []);
  const synced = join(folder, 'synced');
  for (const lost of ['sub/small', 'large']) {
    await run(user, 'sync', 'gdp://v/tree', synced);
    const there = await compareTrees(join(tree, 'sub'), join(synced, 'sub'));
    assert.deepEqual(there.differences, []);
    // The second time it is there, but for one.
    rmSync(join(synced, lost));
  }
  // Some records are read by a library that most commands do not load, and some commands by another program.
  await run(user, 'verify', 'gdp://v');
  const users = await run(user, 'admin', 'user', 'ls');
  assert.match(users.stdout, /admin/);
  await run(user, 'admin', 'grants', 'gdp://v');
  for (const verb of ['admin', 'fsck', 'index', 'serve', 'cp']) {
    const help = await run(user, 'help', verb);
    assert.match(help.stdout, new RegExp(`^Usage: gdpfs ${verb}`));
  }
  // Compiled code is kept, and that of another program, or damaged, is not used.
  const codes = join(caches, 'gdpfs/code');
  const kept = readdirSync(codes).filter((name) => name.endsWith('.code'));
  for (const kind of ['cp-tree', 'cp-tree-up', 'login', 'verify-up', 'volume']) {
    assert(kept.includes(`${kind}.code`), kept.join(' '));
  }
  const code = join(codes, 'verify-up.code');
  const whole = readFileSync(code);
  for (const damaged of [
    whole.map((byte, at) => (at === 5000 ? byte ^ 1 : byte)),
    Buffer.alloc(9),
  ]) {
    writeFileSync(code, damaged);
    await run(user, 'verify', 'gdp://v');
    assert.notDeepEqual(readFileSync(code), damaged);
  }
  // A connection is begun while the program is being loaded, and it is the only one.
  await using proxy = await FaultProxy.start(server.url);
  const far = { ...user, home: join(folder, 'far') };
  cpSync(user.home, far.home, { recursive: true });
  const config = join(far.home, 'config.json');
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(server.url, proxy.url));
  await run(far, 'stat', 'gdp://v/tree');
  assert.equal(proxy.connections, 1);
  const licenses = readFileSync(join(bundle, 'LICENSES.txt'), 'utf8');
  for (const name of ['@bufbuild/protobuf', 'commander', 'undici'])
    assert.ok(licenses.includes(name));
});
