import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALICE, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { base64urlEncode, utf8Encode } from '../base/bytes.ts';
import { Permission, Role } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';

const secret = (text: string): Uint8Array => sha256(utf8Encode(text));
const ENROLMENT = new Uint8Array(16).fill(1);
const OTHER_ENROLMENT = new Uint8Array(16).fill(2);

function invitation(text: string, used: boolean): SystemRecordInit {
  return {
    body: {
      case: 'invitation',
      value: {
        secretDigest: secret(text),
        principal: 'bob',
        role: Role.USER,
        expiresMs: 1_800_000_000_000n,
        used,
      },
    },
  };
}

function principal(name: string, role: Role): SystemRecordInit {
  return { body: { case: 'principal', value: { name, role, createdMs: 1_700_000_000_000n } } };
}

async function record(store: TestStore, ...records: SystemRecordInit[]): Promise<void> {
  await store.system.change(() => ({ records, result: null }));
}

/** Runs `check` now, after a restart, and after the index was lost. */
async function lasting(store: TestStore, check: () => void): Promise<void> {
  check();
  for (const rebuild of [false, true]) {
    await store.reopen({ rebuild });
    check();
    assert.equal(store.damageCount, 0);
  }
}

describe('the system log', () => {
  it('keeps principals, the last word about each', async () => {
    await using store = await openTestStore();
    assert.equal(store.system.view.hasPrincipals(), false);
    await record(store, principal('alice', Role.ADMIN), principal('bob', Role.USER));
    await record(store, principal('bob', Role.ADMIN));
    await lasting(store, () => {
      const { view } = store.system;
      const createdMs = 1_700_000_000_000;
      assert.deepEqual(view.principal('bob'), { name: 'bob', role: Role.ADMIN, createdMs });
      assert.deepEqual(view.principal('alice'), { name: 'alice', role: Role.ADMIN, createdMs });
      assert.equal(view.principal('carol'), undefined);
      assert.equal(view.hasPrincipals(), true);
    });
  });

  it('keeps invitations, and that one was used', async () => {
    await using store = await openTestStore();
    await record(store, invitation('one', false), invitation('two', false));
    await record(store, invitation('one', true));
    await lasting(store, () => {
      const two = {
        secretDigest: secret('two'),
        principal: 'bob',
        role: Role.USER,
        expiresMs: 1_800_000_000_000,
        used: false,
        quota: { bytes: 0, entries: 0 },
        lifeMs: 0,
      };
      const { view } = store.system;
      assert.deepEqual(view.invitation(secret('two')), two);
      assert.equal(view.invitation(secret('one'))?.used, true);
      assert.equal(view.invitation(secret('three')), undefined);
    });
  });

  it('keeps certificates', async () => {
    await using store = await openTestStore();
    const serial = Uint8Array.of(0, 1, 2);
    const value = { serial, principal: 'bob', expiresMs: 5n, enrolment: ENROLMENT };
    await record(store, { body: { case: 'certificate', value } });
    await lasting(store, () => {
      const { view } = store.system;
      assert.deepEqual(view.certificate(serial), { ...value, expiresMs: 5 });
      assert.equal(view.certificate(Uint8Array.of(1, 2)), undefined);
    });
  });

  it('keeps revocations of principals and of enrolments', async () => {
    await using store = await openTestStore();
    await record(
      store,
      { body: { case: 'revocation', value: { principal: 'mallory' } } },
      { body: { case: 'revocation', value: { enrolment: ENROLMENT } } },
    );
    await lasting(store, () => {
      const revoked = (name: string, enrolment: Uint8Array): boolean =>
        store.system.view.isRevoked({ principal: name, enrolment });
      assert.equal(revoked('mallory', OTHER_ENROLMENT), true);
      assert.equal(revoked('bob', ENROLMENT), true);
      assert.equal(revoked('bob', OTHER_ENROLMENT), false);
    });
  });

  it('keeps volumes: alias, owner and name, and they can still be changed', async () => {
    await using store = await openTestStore();
    const options = { alias: 'bobs', owner: 'bob', chunking: 'fixed' } as const;
    const { name } = await store.fs.createVolume(options, ALICE);
    await lasting(store, () => {
      const { view } = store.system;
      assert.deepEqual(view.volumeByAlias('bobs'), { name, alias: 'bobs', owner: 'bob' });
      assert.deepEqual(view.volumeByName(name), { name, alias: 'bobs', owner: 'bob' });
      assert.deepEqual(
        view.volumes().map(({ alias }) => alias),
        ['bobs', 'data'],
      );
      assert.deepEqual(
        view.volumes('bob').map(({ alias }) => alias),
        ['bobs'],
      );
      assert.deepEqual(store.fs.resolveVolume('bobs'), store.fs.listVolumes()[0]);
      assert.deepEqual(store.fs.resolveVolume('bobs').name, name);
    });
    await store.fs.apply(name, { kind: 'mkdir', path: 'd' }, ALICE);
    await lasting(store, () => {
      assert.equal(store.fs.stat(name, 'd').kind, 'directory');
    });
  });

  it('forgets a volume that is removed, and its alias is free for another one', async () => {
    await using store = await openTestStore();
    const { volume, fs } = store;
    const text = base64urlEncode(volume);
    const grant = { volume, node: 0n, subject: 'bob', permission: Permission.READ };
    const quota = { volume, bytes: 5n, entries: 6n };
    await record(store, { body: { case: 'grant', value: grant } });
    await record(store, { body: { case: 'quota', value: quota } });
    await fs.apply(volume, { kind: 'mkdir', path: 'd' }, ALICE);
    const remove = (force: boolean) => outcome(fs.removeVolume(volume, { force }, ALICE));
    assert.equal(await remove(false), 'not_empty');
    assert.equal(fs.resolveVolume('data').count > 0, true);
    await fs.apply(volume, { kind: 'remove', path: 'd', recursive: true }, ALICE);
    // In their turns: the removal comes first, and what comes after it has nowhere to go.
    const late = { kind: 'mkdir', path: 'late' } as const;
    const both = [remove(false), outcome(fs.apply(volume, late, ALICE))];
    assert.deepEqual(await Promise.all(both), ['ok', 'not_found']);
    assert.equal(await remove(true), 'not_found');
    await lasting(store, () => {
      for (const reference of ['data', text]) {
        assert.throws(() => store.fs.resolveVolume(reference), { code: 'not_found' });
      }
      assert.deepEqual(store.fs.listVolumes(), []);
      assert.deepEqual(store.system.view.grants(volume), []);
      assert.deepEqual(store.system.view.quota(volume), { bytes: 0, entries: 0 });
    });
    const again = { alias: 'data', owner: 'bob', chunking: 'fixed' } as const;
    const { name } = await store.fs.createVolume(again, ALICE);
    assert.notDeepEqual(name, volume);
    await lasting(store, () => {
      assert.deepEqual(store.fs.resolveVolume('data').name, name);
      assert.throws(() => store.fs.resolveVolume(text), { code: 'not_found' });
    });
  });

  it('gives an alias to one volume only', async () => {
    await using store = await openTestStore();
    const create = async (owner: string) =>
      outcome(
        store.fs.createVolume({ alias: 'same', owner, chunking: 'fixed' }, { author: owner }),
      );
    const codes = await Promise.all(['a', 'b', 'c'].map(create));
    assert.deepEqual(codes, ['ok', 'exists', 'exists']);
    assert.equal(store.fs.resolveVolume('same').owner, 'a');
    assert.equal(store.fs.listVolumes().length, 2);
  });

  it('runs plans one behind the other: an invitation is used once', async () => {
    await using store = await openTestStore();
    await record(store, invitation('one', false));
    const use = async (name: string): Promise<string> =>
      store.system.change((state) => {
        if (state.invitation(secret('one'))?.used !== false) {
          throw new GdpfsError('bad_token', 'cannot enroll: the token was used');
        }
        return { records: [invitation('one', true), principal(name, Role.USER)], result: name };
      });
    const codes = await Promise.all(['a', 'b', 'c'].map(async (name) => outcome(use(name))));
    assert.deepEqual(codes, ['ok', 'bad_token', 'bad_token']);
    await lasting(store, () => {
      assert.notEqual(store.system.view.principal('a'), undefined);
      assert.equal(store.system.view.principal('b'), undefined);
    });
  });

  it('shows readers only what is durable', async () => {
    await using store = await openTestStore();
    const change = store.system.change(() => ({
      records: [principal('bob', Role.USER)],
      result: null,
    }));
    assert.equal(store.system.view.principal('bob'), undefined);
    await change;
    assert.notEqual(store.system.view.principal('bob'), undefined);
  });

  it('answers a repeated request with the first result', async () => {
    await using store = await openTestStore();
    let runs = 0;
    const change = async (): Promise<number> =>
      store.system.change(
        () => {
          runs += 1;
          return { records: [principal(`p${runs}`, Role.USER)], result: runs };
        },
        { request: { principal: 'alice', id: 'r', fingerprint: secret('asked') } },
      );
    assert.equal(await change(), 1);
    await store.reopen({ rebuild: true });
    assert.equal(await change(), 1);
    assert.equal(runs, 1);
  });
});
