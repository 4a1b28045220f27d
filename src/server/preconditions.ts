import type { IncomingMessage } from 'node:http';
import { matchesETag } from '../wire/headers.ts';
import type { FileEntry } from './content.ts';
import { PathError } from '../fs/path-error.ts';

/** If-Match of a read. Throws `changed`. */
export function requireMatch(request: IncomingMessage, entry: FileEntry): void {
  const ifMatch = request.headers['if-match'];
  if (ifMatch === undefined || matchesETag(ifMatch, entry.file.content)) return;
  throw new PathError(
    'changed',
    (name) => `cannot read ${name(entry.path)}: its content is not the one that If-Match names`,
  );
}

/** Does If-None-Match say that the client has this content? */
export function hasCurrent(request: IncomingMessage, entry: FileEntry): boolean {
  const ifNoneMatch = request.headers['if-none-match'];
  return ifNoneMatch !== undefined && matchesETag(ifNoneMatch, entry.file.content);
}
