import assert from 'node:assert/strict';
import { readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { mountReadOnly } from '../../test/support/mount.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { homeDirectory } from './home-directory.ts';
import { type Login, openHome } from './home.ts';

// Where syncs cost nothing: who waits for a lock waits for the syncs of the others.
const folder = new Scratch();
let homesMade = 0;
after(() => folder[Symbol.dispose]());

function newHome() {
  homesMade += 1;
  return openHome(join(folder.path, `home-${homesMade}`));
}

function login(changes: Partial<Login> = {}): Login {
  return {
    name: 'default',
    url: 'https://files.example.org:7443',
    principal: 'alice',
    ca: 'CA',
    certificate: 'CERTIFICATE',
    key: 'KEY',
    ...changes,
  };
}

const NAME = 'n'.repeat(43);
const OTHER_NAME = 'o'.repeat(43);

test('homeDirectory() is GDPFS_HOME, else in the XDG folder, else in ~/.config', () => {
  assert.equal(homeDirectory({ GDPFS_HOME: '/g', XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/g');
  assert.equal(homeDirectory({ XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/x/gdpfs');
  assert.equal(
    homeDirectory({ GDPFS_HOME: '', XDG_CONFIG_HOME: '', HOME: '/h' }),
    '/h/.config/gdpfs',
  );
});

test('saveProfile() stores a login that another process reads back, for its owner only', async () => {
  const home = newHome();
  await home.saveProfile(login());
  const profile = await openHome(home.directory).profile();
  assert.deepEqual(profile, { ...login(), volumes: {}, prove: false });
  const entries = await readdir(home.directory, { recursive: true, withFileTypes: true });
  assert.equal(entries.filter((entry) => entry.isFile()).length, 4);
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    assert.equal(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name);
  }
});

test('saveProfile() makes the new profile the current one and removes what it replaces', async () => {
  const home = newHome();
  await home.saveProfile(login());
  await home.saveProfile(login({ name: 'lab', principal: 'bob' }));
  assert.equal((await home.profile()).name, 'lab');
  assert.equal((await home.profile('default')).principal, 'alice');
  await home.saveProfile(login({ key: 'NEW KEY' }));
  assert.equal((await home.profile()).key, 'NEW KEY');
  assert.equal((await readdir(join(home.directory, 'profiles'))).length, 2);
});

test('profile() says what to do when nobody logged in, and which profiles there are', async () => {
  const home = newHome();
  await assert.rejects(
    home.profile(),
    (error) => isGdpfsError(error, 'certificate_required') && /gdpfs login/.test(error.hint ?? ''),
  );
  await home.saveProfile(login());
  for (const name of ['lab', '__proto__', 'toString']) {
    await assert.rejects(
      home.profile(name),
      (error) => isGdpfsError(error, 'not_found') && /are: default/.test(error.hint ?? ''),
    );
  }
});

test('saveProfile() refuses names that are no folder names', async () => {
  for (const name of ['', '.', '..', 'a/b', '-x', 'a b', 'x'.repeat(65)]) {
    const home = newHome();
    await assert.rejects(home.saveProfile(login({ name })), (error) =>
      isGdpfsError(error, 'usage'),
    );
  }
});

test('rememberVolume() refuses another volume under a known alias, also from a stale profile', async () => {
  const home = newHome();
  await home.saveProfile(login());
  const stale = await home.profile();
  await home.rememberVolume(stale, { alias: 'vision', name: NAME });
  await home.rememberVolume(stale, { alias: 'vision', name: NAME });
  assert.deepEqual((await home.profile()).volumes, { vision: NAME });
  for (const profile of [stale, await home.profile()]) {
    await assert.rejects(
      home.rememberVolume(profile, { alias: 'vision', name: OTHER_NAME }),
      (error) => isGdpfsError(error, 'untrusted') && /volume trust --reset/.test(error.hint ?? ''),
    );
  }
  assert.deepEqual((await home.profile()).volumes, { vision: NAME });
});

test('rememberVolume() takes any alias, also one that every JavaScript object seems to have', async () => {
  const home = newHome();
  await home.saveProfile(login({ name: 'constructor' }));
  await home.rememberVolume(await home.profile(), { alias: 'constructor', name: NAME });
  assert.deepEqual((await home.profile()).volumes, { constructor: NAME });
});

test('rememberVolume() loses none of many that are remembered at once', async () => {
  const home = newHome();
  await home.saveProfile(login());
  const profile = await home.profile();
  const aliases = Array.from({ length: 8 }, (_, index) => `volume-${index}`);
  await Promise.all(
    aliases.map((alias) => openHome(home.directory).rememberVolume(profile, { alias, name: NAME })),
  );
  assert.deepEqual(Object.keys((await home.profile()).volumes).sort(), aliases.sort());
});

test('rememberVolume() gives up when a crash has left the lock behind, and says which file it is', async () => {
  const home = newHome();
  await home.saveProfile(login());
  await writeFile(join(home.directory, 'config.json.lock'), '');
  const remembered = home.rememberVolume(await home.profile(), { alias: 'vision', name: NAME });
  await assert.rejects(
    remembered,
    (error) => isGdpfsError(error, 'locked') && /config\.json\.lock/.test(error.message),
  );
  assert.deepEqual((await home.profile()).volumes, {});
});

test('rememberVolume() checks and adds nothing where the folder cannot be written', async (context) => {
  const home = newHome();
  await home.saveProfile(login());
  await home.rememberVolume(await home.profile(), { alias: 'vision', name: NAME });
  if (!mountReadOnly(context, home.directory)) return;
  const profile = await home.profile();
  await home.rememberVolume(profile, { alias: 'other', name: NAME });
  assert.deepEqual((await home.profile()).volumes, { vision: NAME });
  await assert.rejects(
    home.rememberVolume(profile, { alias: 'vision', name: OTHER_NAME }),
    (error) => isGdpfsError(error, 'untrusted'),
  );
});

test('saveProfile() keeps known volumes for the same server and forgets them for another', async () => {
  const home = newHome();
  await home.saveProfile(login());
  await home.rememberVolume(await home.profile(), { alias: 'vision', name: NAME });
  await home.saveProfile(login({ principal: 'bob' }));
  assert.deepEqual((await home.profile()).volumes, { vision: NAME });
  await home.saveProfile(login({ ca: 'ANOTHER CA' }));
  assert.deepEqual((await home.profile()).volumes, {});
});

test('profile() names the file and the fault of a configuration it cannot use', async () => {
  const entry = {
    url: 'https://a:1',
    principal: 'a',
    ca: 'c',
    certificate: 'c',
    key: 'k',
    volumes: {},
  };
  const faults: Record<string, string> = {
    '': 'not JSON',
    '{"version":1,': 'not JSON',
    '[]': 'not a JSON object',
    '{}': 'version is missing',
    '{"version":2,"profiles":{}}': 'version is 2, need 1',
    '{"version":1}': '"profiles" is not an object',
    '{"version":1,"current":1,"profiles":{}}': '"current"',
    '{"version":1,"profiles":{"a/b":{}}}': 'name is not allowed',
    '{"version":1,"profiles":{"a":null}}': 'not an object',
  };
  for (const [member, value] of [
    ['url', 'http://a'],
    ['url', 7],
    ['principal', 'A B'],
    ['key', null],
    ['volumes', []],
  ] as const) {
    const damaged = { version: 1, profiles: { a: { ...entry, [member]: value } } };
    faults[JSON.stringify(damaged)] = `"${member}"`;
  }
  for (const [text, fault] of Object.entries(faults)) {
    const home = newHome();
    await home.saveProfile(login());
    await writeFile(join(home.directory, 'config.json'), text);
    await assert.rejects(home.profile(), (error) => {
      assert(isGdpfsError(error, 'local_io'), String(error));
      assert(error.message.includes(fault) && error.message.includes('config.json'), error.message);
      return true;
    });
    await assert.rejects(home.prepare(), (error) => isGdpfsError(error, 'local_io'));
    // Nor is it overwritten: it may hold what somebody wants back.
    await assert.rejects(home.saveProfile(login()), (error) => isGdpfsError(error, 'local_io'));
    assert.equal(await readFile(join(home.directory, 'config.json'), 'utf8'), text);
  }
});

test('profile() names a missing key file', async () => {
  const home = newHome();
  await home.saveProfile(login());
  const config = JSON.parse(await readFile(join(home.directory, 'config.json'), 'utf8'));
  await unlink(join(home.directory, config.profiles.default.key));
  await assert.rejects(home.profile(), /client\.key" is missing/);
});

test('saveProfile() keeps members of the configuration that it does not know', async () => {
  const home = newHome();
  await home.saveProfile(login());
  const path = join(home.directory, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, added: { by: 'another program' } }));
  await home.saveProfile(login({ name: 'lab' }));
  const after = JSON.parse(await readFile(path, 'utf8'));
  assert.deepEqual(after.added, { by: 'another program' });
});
