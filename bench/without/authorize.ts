/** Everybody may do everything. */
import { parseApiPath } from '../../src/format/path.ts';
import { LEVEL } from '../../src/fs/rights.ts';
import type { Target } from '../../src/server/authorize.ts';
import type { Exchange } from '../../src/server/exchange.ts';

export * from '../../src/server/authorize.ts';

const RIGHTS = { principal: 'admin', whole: LEVEL.admin, nodes: new Map() };

export function authorizePath({ services }: Exchange, apiPath: string): Target {
  const { volume, path } = parseApiPath(apiPath);
  return { volume: services.fs.resolveVolume(volume), rights: RIGHTS, path };
}
