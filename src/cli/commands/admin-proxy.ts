import { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import type { Context } from '../context.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder, requireDataFolder } from '../data-folder.ts';
import { formatTime } from '../format.ts';

interface ProxyOptions {
  readonly data: string;
  readonly name?: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
}

export function adminProxyCommand(context: Context): Command {
  return new Command('proxy')
    .summary('make keys and certificates for a proxy, on the server itself')
    .description(
      'Make the keys and certificates that a proxy in front of the server needs, on the machine of the ' +
        'server: "front" is what it shows to clients, "hop" what it shows to the server, "ca.crt" what ' +
        'it checks both sides with. Then start the server with --trusted-proxy. The server may run meanwhile.',
    )
    .argument('<proxy>', 'what --trusted-proxy calls it')
    .option('--data <folder>', 'the folder of the server', parseDataFolder, DATA_FOLDER_DEFAULT)
    .option('--name <name...>', 'DNS names and IP addresses that clients reach it by')
    .option('--out <folder>', 'where the files go (default: a folder called like the proxy)')
    .option('--json', 'as a JSON object: name, directory, expiresMs')
    .action(async (proxy: string, { data, name: names = [], out, json }: ProxyOptions) => {
      const { makeProxyBundle } = await import('../../server/proxy-bundle.ts');
      const { keys, audit } = requireDataFolder(data);
      const bundle = await makeProxyBundle({
        keysDirectory: keys,
        auditDirectory: audit,
        name: proxy,
        names,
        directory: out ?? proxy,
        clock: systemClock,
      });
      const { directory, expiresMs } = bundle;
      const text = `certificates for the proxy "${proxy}" in ${directory}, until ${formatTime(expiresMs)}`;
      await context.stdout.write(`${json ? JSON.stringify(bundle) : text}\n`);
    });
}
