import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GdpfsError } from '../base/errors.ts';

/** Where `gdpfs serve` keeps its state unless told otherwise. */
export const DATA_FOLDER_DEFAULT = './gdpfs-data';

/** Value of a `--data`: an empty one would be the folder that one stands in. Throws `usage`. */
export function parseDataFolder(text: string): string {
  if (text !== '') return text;
  throw new GdpfsError('usage', 'cannot use "": need the folder of a server');
}

/** What is in the folder of a server. */
export interface DataFolder {
  /** Segments and index. */
  readonly store: string;
  /** Private keys, apart from the data. */
  readonly keys: string;
  /** Who did what. */
  readonly audit: string;
}

/** The folders of a server that has run before. Throws `not_found`: nothing is made here. */
export function requireDataFolder(data: string): DataFolder {
  const folder = {
    store: join(data, 'store'),
    keys: join(data, 'keys'),
    audit: join(data, 'audit'),
  };
  if (existsSync(folder.store)) return folder;
  throw new GdpfsError(
    'not_found',
    `cannot open ${JSON.stringify(data)}: no server has run there`,
    {
      hint: 'name the folder that the server was started with: --data DIR',
    },
  );
}
