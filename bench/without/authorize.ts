/** Everybody may do everything, while the switch is off. */
import { parseApiPath } from '../../src/format/path.ts';
import { LEVEL } from '../../src/fs/rights.ts';
import {
  authorizePath as authorize,
  type PathNeed,
  type Target,
} from '../../src/server/authorize.ts';
import type { Exchange } from '../../src/server/exchange.ts';
import { isLeftOut } from './switch.ts';

export * from '../../src/server/authorize.ts';

const RIGHTS = { principal: 'admin', whole: LEVEL.admin, nodes: new Map() };

export function authorizePath(exchange: Exchange, apiPath: string, need: PathNeed): Target {
  if (!isLeftOut()) return authorize(exchange, apiPath, need);
  const { volume, path } = parseApiPath(apiPath);
  return { volume: exchange.services.fs.resolveVolume(volume), rights: RIGHTS, path };
}
