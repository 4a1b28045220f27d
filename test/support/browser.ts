/** A real browser for tests of the web page, with the certificate of a login. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { encodePkcs12, type Pkcs12Init } from '../../src/client/pkcs12.ts';
import type { HttpClient } from './http-client.ts';

/** Where Debian's package has it. */
const PROGRAM = process.env['GDPFS_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

const TIMEOUT_MS = 120_000;

export const NEEDS_BROWSER = {
  skip: !existsSync(PROGRAM) && `there is no ${PROGRAM} (apt-get install chromium)`,
};

/** Loopback, one process for all pages of a test file. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: PROGRAM,
    // Containers give it neither a sandbox of its own nor much shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

const PASSWORD = 'of this test';

function isWhole(init: { key?: unknown; certificate?: unknown }): init is Pkcs12Init {
  return init.key !== undefined && init.certificate !== undefined;
}

/** A page of somebody with a certificate; without `client`, of a stranger. */
export async function openPage(
  browser: Browser,
  url: string,
  client?: HttpClient,
): Promise<{ readonly page: Page; readonly context: BrowserContext; readonly faults: string[] }> {
  const { key, certificate, ca } = client?.options ?? {};
  // As `gdpfs profile export` writes it.
  const init = { key, certificate, ca, name: 'somebody', password: PASSWORD };
  const own = isWhole(init)
    ? [{ origin: url, pfx: Buffer.from(encodePkcs12(init)), passphrase: PASSWORD }]
    : [];
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    clientCertificates: own,
    viewport: { width: 1200, height: 800 },
  });
  // Long enough for a loaded machine; nothing waits for it to pass.
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  // What the page's policy refuses, and what it throws, is nowhere else to be seen.
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  return { page, context, faults };
}
