/** Local trees, for tests that copy them. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hexEncode } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { attributesOf } from '../../src/client/local-attributes.ts';

/** Everything below `root` in a form that can be compared: kind, mode, time, content, by path. */
export function describeTree(root: string): Record<string, string> {
  const described: Record<string, string> = {};
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  for (const name of names) described[name] = describe(join(root, name));
  return described;
}

function describe(path: string): string {
  const stats = lstatSync(path, { bigint: true });
  const { mode, mtimeUs } = attributesOf(stats);
  if (stats.isSymbolicLink()) return `link ${mtimeUs} ${readlinkSync(path)}`;
  const attributes = `${mode.toString(8)} ${mtimeUs}`;
  if (stats.isDirectory()) return `directory ${attributes}`;
  return `file ${attributes} ${hexEncode(sha256(readFileSync(path)))}`;
}
