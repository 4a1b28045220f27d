import { gdpfsCommand } from '../tools/gdpfs-process.ts';
import type { Contender } from './contender.ts';
import type { Stage } from './stage.ts';

/** The real command line. A tree is what `cp -r` makes of it. */
export function gdpfs({ user, server }: Stage): Contender {
  const recursive = { file: [], tree: ['-r'] };
  const remote = (name: string): string => `gdp://bench/${name}`;
  return {
    name: 'gdpfs',
    kinds: ['file', 'tree'],
    serverPid: server.pid,
    up: ({ kind, name, path }) => {
      return gdpfsCommand(user, ['cp', ...recursive[kind], path, remote(name)]);
    },
    down: ({ kind, name, path }) => {
      return gdpfsCommand(user, ['cp', ...recursive[kind], remote(name), path]);
    },
  };
}
