/** A server on which `bob` may see and change parts of what `alice` has, and never learn of the rest. */
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import type { Entry } from '../../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../../src/wire/media-types.ts';
import { type HttpAnswer, type HttpClient, type HttpRequest, ok } from './http-client.ts';
import type { TestServer } from './server.ts';
import { startWithUsers, type TestUsers } from './users.ts';

export const SECRET = new TextEncoder().encode('the secret text of alice');
export const SECRET_NAME = 'hidden-name';
export const SHOWN = new TextEncoder().encode('what bob may read');
export const FILES = '/api/v1/files';
export const STORAGE = '/api/v1/storage/files';

/** A request about a path. */
export function at(path: string, more: object = {}): HttpRequest {
  return { query: { path, ...more } };
}

export class AccessLab implements AsyncDisposable {
  readonly #users: TestUsers<'alice' | 'bob'>;
  /** What bob must never get: names, bytes, digests. */
  readonly secrets: string[] = [];
  /** When what is secret at `left-open` now was in the open. */
  beforeMove = 0;

  private constructor(users: TestUsers<'alice' | 'bob'>) {
    this.#users = users;
  }

  static async start(): Promise<AccessLab> {
    const lab = new AccessLab(await startWithUsers(['alice', 'bob']));
    await lab.#fill();
    return lab;
  }

  get server(): TestServer {
    return this.#users.server;
  }

  get admin(): HttpClient {
    return this.#users.admin;
  }

  get alice(): HttpClient {
    return this.#users.alice;
  }

  /** A request of bob's. */
  send(method: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    return this.#users.bob.send(method, path, request);
  }

  async mkdir(path: string): Promise<void> {
    await ok(this.alice.send('POST', FILES, { json: { path, kind: 'directory' } }));
  }

  async put(path: string, body: Uint8Array): Promise<void> {
    await ok(this.alice.send('POST', STORAGE, { ...at(path), body, type: MEDIA_TYPES.bytes }));
  }

  async rename(path: string, to: string): Promise<void> {
    await ok(this.alice.send('PATCH', FILES, { ...at(path), json: { op: 'rename', to } }));
  }

  async grant(subject: string, permission: string, path: string): Promise<void> {
    const json = { subject, permission, path };
    await ok(this.alice.send('POST', '/api/v1/admin/grants', { json }));
  }

  async stat(path: string): Promise<Entry> {
    return (await ok(this.alice.send('GET', FILES, at(path)))).json as Entry;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#users[Symbol.asyncDispose]());
  }

  async #fill(): Promise<void> {
    for (const path of ['secret', 'open', 'workshop', 'way', 'way/open']) {
      await this.mkdir(`/alice/${path}`);
    }
    await this.put(`/alice/secret/${SECRET_NAME}`, SECRET);
    await this.put(`/alice/way/${SECRET_NAME}`, SECRET);
    await this.put('/alice/workshop/replaced', SHOWN);
    await this.put('/alice/open/shown', SHOWN);
    await this.put('/alice/way/open/shown', SHOWN);
    // Once in the open, now secret; and the other way round.
    await this.put(`/alice/open/left-open`, new TextEncoder().encode('it was in the open once'));
    await this.put('/alice/secret/turned-open', new TextEncoder().encode('it was secret once'));
    this.beforeMove = (await this.stat('/alice/open/left-open')).seq;
    await this.rename('/alice/open/left-open', '/alice/secret/left-open');
    await this.grant('bob', 'read', '/alice/open');
    await this.grant('bob', 'read', '/alice/way/open');
    await this.grant('bob', 'write', '/alice/workshop');
    const { etag = '', log = '', root = '' } = await this.stat(`/alice/secret/${SECRET_NAME}`);
    this.secrets.push(SECRET_NAME, 'secret text', etag, log, root, formatDigest(sha256(SECRET)));
  }
}
