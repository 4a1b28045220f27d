import { access, readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { systemErrorCode, systemState } from '../../base/system-error.ts';
import { validityOf } from '../../client/credentials.ts';
import { encodePkcs12 } from '../../client/pkcs12.ts';
import { writePrivateFile } from '../../wire/private-file.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatTime } from '../format.ts';

interface ExportOptions extends GlobalOptions {
  readonly p12: string;
  readonly passwordFile?: string;
}

/** Programs disagree about how other characters become bytes. */
const PASSWORD = /^[ -~]{8,128}$/;

/** `gdpfs profile export`: what a browser takes. */
export function exportCommand(context: Context): Command {
  return new Command('export')
    .summary('write the certificate and key of a login for a browser')
    .description(
      'Write the certificate of a login, its key and the authority of the server into a PKCS #12 file, which browsers import to ' +
        'show the web page of the server. It is encrypted with a password, and as good as the login until the certificate ' +
        'ends: remove it when it is imported.',
    )
    .argument('[name]', 'see "gdpfs profile ls"; the current one if absent')
    .requiredOption('--p12 <file>', 'where to write it')
    .option('--password-file <file>', 'its first line is the password; asked for if absent')
    .action(async (name: string | undefined, _: object, command: Command) => {
      const { profile, p12, passwordFile } = command.optsWithGlobals<ExportOptions>();
      const login = await context.home.profile(name ?? profile);
      await requireFree(p12);
      const password = await passwordOf(context, passwordFile);
      const { certificate, key, ca, principal, url } = login;
      const label = `${principal} at ${new URL(url).host}`;
      await writePrivateFile(p12, encodePkcs12({ certificate, key, ca, name: label, password }));
      const until = formatTime(validityOf(certificate).expiresMs);
      await context.stdout.write(`${label}, until ${until}, in ${p12}\n`);
    });
}

async function requireFree(path: string): Promise<void> {
  const isFree = await access(path).then(
    () => false,
    () => true,
  );
  if (isFree) return;
  const object = JSON.stringify(path);
  throw new GdpfsError('exists', `cannot write ${object}: something is there already`);
}

async function passwordOf(context: Context, path: string | undefined): Promise<string> {
  const password = path === undefined ? await ask(context) : await firstLine(path);
  if (PASSWORD.test(password)) return password;
  throw new GdpfsError(
    'usage',
    'cannot use the password: need 8 to 128 characters, letters, digits and signs of ASCII',
  );
}

async function ask(context: Context): Promise<string> {
  if (!context.isInteractive) {
    throw new GdpfsError(
      'usage',
      'cannot ask for a password: there is no terminal, need --password-file',
    );
  }
  const password = (await context.askSecret('password of the file: ')) ?? '';
  if (!PASSWORD.test(password)) return password;
  if ((await context.askSecret('the same again: ')) === password) return password;
  throw new GdpfsError('usage', 'cannot use the password: the second is another one');
}

async function firstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    const object = JSON.stringify(path);
    const message = `cannot read the password file ${object}: ${systemState(cause)}`;
    throw new GdpfsError(systemErrorCode(cause), message, { cause });
  }
}
