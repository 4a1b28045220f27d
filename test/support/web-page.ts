import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { openPage, startBrowser } from './browser.ts';
import { type HttpClient, ok } from './http-client.ts';
import { enrol, startServerHere, temporaryDirectory, type TestServer } from './server.ts';

export const FILES = '/api/v1/files';

/** A server with a volume `vision`, and its page in the browser of its first admin. */
export class WebPage implements AsyncDisposable {
  readonly folder: string;
  readonly server: TestServer;
  readonly admin: HttpClient;
  readonly browser: Browser;
  readonly page: Page;
  /** What the page threw, and what its policy refused. */
  readonly faults: readonly string[];
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: {
    readonly folder: string;
    readonly server: TestServer;
    readonly admin: HttpClient;
    readonly browser: Browser;
    readonly opened: Awaited<ReturnType<typeof openPage>>;
    readonly stack: AsyncDisposableStack;
  }) {
    this.folder = parts.folder;
    this.server = parts.server;
    this.admin = parts.admin;
    this.browser = parts.browser;
    this.page = parts.opened.page;
    this.faults = parts.opened.faults;
    this.#stack = parts.stack;
  }

  static async open(): Promise<WebPage> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryDirectory()).path;
    const server = stack.use(await startServerHere(join(folder, 'data')));
    const admin = stack.use(await enrol(server, server.adminToken ?? ''));
    await ok(admin.send('POST', '/api/v1/volumes', { json: { name: 'vision' } }));
    const browser = await startBrowser();
    stack.defer(() => browser.close());
    const opened = await openPage(browser, server.url, admin);
    return new WebPage({ folder, server, admin, browser, opened, stack: stack.move() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async put(path: string, content: string | Uint8Array): Promise<void> {
    const body = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const type = 'application/octet-stream';
    const query = { path, parents: true };
    await ok(this.admin.send('POST', '/api/v1/storage/files', { query, body, type }));
  }

  async bytesOf(path: string): Promise<Uint8Array> {
    return (await ok(this.admin.send('GET', '/api/v1/storage/files', { query: { path } }))).bytes;
  }

  async visit(fragment: string): Promise<void> {
    await this.page.goto(`${this.server.url}/${fragment}`);
  }

  /** The same on a page that has sent nothing yet. */
  async visitAnew(fragment: string): Promise<void> {
    await this.visit(fragment);
    await this.page.reload();
  }

  /** What opens the name in the listing. */
  name(text: string): Locator {
    return this.page.locator('.entries .open', { hasText: text });
  }
}
