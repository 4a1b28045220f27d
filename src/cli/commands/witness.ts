import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { utf8Decode } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import { GdpfsError } from '../../base/errors.ts';
import { localError } from '../../client/local-error.ts';
import { requireNow, Servers } from '../../client/servers.ts';
import { cosignNote, formatWitnessKey } from '../../format/cosignature.ts';
import { rawPublicKey } from '../../format/ed25519.ts';
import { isKeyName } from '../../format/signed-note.ts';
import type { Context, GlobalOptions } from '../context.ts';

interface WitnessOptions extends GlobalOptions {
  readonly key: string;
  readonly name: string;
  readonly json?: boolean;
}

export function witnessCommand(context: Context): Command {
  return new Command('witness')
    .description(
      'Cosign the newest checkpoint of a volume (C2SP tlog-cosignature), once it is verified and continues all ' +
        'that was seen of the volume here. Prints the note with the cosignature; without a volume, the public key.',
    )
    .argument('[volume]', 'gdp://VOLUME')
    .requiredOption('--key <file>', 'an Ed25519 key, PEM: openssl genpkey -algorithm ed25519')
    .requiredOption('--name <name>', 'of the witness, such as witness.example.org/1')
    .option('--json', 'as a JSON object: publicKey; with a volume, also volume, records and note')
    .action(async (text: string | undefined, _: object, command: Command) => {
      const { key, name, profile, json } = command.optsWithGlobals<WitnessOptions>();
      const privateKey = await readKey(key);
      if (!isKeyName(name)) {
        throw new GdpfsError(
          'usage',
          `cannot use witness name ${JSON.stringify(name)}: need one without white space and "+"`,
        );
      }
      const publicKey = formatWitnessKey({ name, publicKey: rawPublicKey(privateKey) });
      if (text === undefined) {
        const line = json === true ? JSON.stringify({ publicKey }) : publicKey;
        return await context.stdout.write(`${line}\n`);
      }
      await using servers = new Servers(context.home, profile);
      const { trusted } = await servers.locate(requireNow(text));
      const timeS = Math.floor(systemClock.now() / 1000);
      const note = utf8Decode(cosignNote(trusted.note, { name, privateKey, timeS }));
      const records = trusted.checkpoint.count;
      const fields = { publicKey, volume: trusted.name, records, note };
      await context.stdout.write(json === true ? `${JSON.stringify(fields)}\n` : note);
    });
}

async function readKey(path: string): Promise<KeyObject> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    throw localError('read', path, error);
  }
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // What is no key at all is no Ed25519 key either.
  }
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(path)}: not an Ed25519 key, need PEM`);
}
