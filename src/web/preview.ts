/** What a file is, by its first bytes and its name, and what of it is shown. Nothing in it is ever run. */
export type Preview =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'picture'; readonly type: string }
  | { readonly kind: 'bytes'; readonly lines: readonly string[] };

const ANY_FOUR = [undefined, undefined, undefined, undefined];
/** Pictures of dots alone: others, such as SVG, are programs too, and are shown as the text that they are. */
const PICTURES: readonly (readonly [string, readonly (number | undefined)[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46, ...ANY_FOUR, 0x57, 0x45, 0x42, 0x50]],
  ['image/bmp', [0x42, 0x4d]],
];
const DUMP_BYTES = 512;
const DUMP_COLUMNS = 16;

/** The type of a picture, undefined for anything else. */
export function pictureType(head: Uint8Array): string | undefined {
  const fits = (signs: readonly (number | undefined)[]): boolean =>
    signs.every((sign, index) => sign === undefined || sign === head[index]);
  return PICTURES.find(([, signs]) => fits(signs))?.[0];
}

/** `isWhole`: are these all bytes of the file? */
export function previewOf(
  name: string,
  bytes: Uint8Array,
  { isWhole, rowsMax }: { readonly isWhole: boolean; readonly rowsMax: number },
): Preview {
  const type = pictureType(bytes);
  if (type !== undefined && isWhole) return { kind: 'picture', type };
  const text = textOf(bytes, isWhole);
  if (text === undefined) return { kind: 'bytes', lines: dumpOf(bytes.subarray(0, DUMP_BYTES)) };
  const separator = /\.tsv$/i.test(name) ? '\t' : /\.csv$/i.test(name) ? ',' : undefined;
  if (separator !== undefined) return { kind: 'table', rows: rowsOf(text, separator, rowsMax) };
  if (isWhole && /\.(json|ipynb)$/i.test(name)) return { kind: 'text', text: indented(text) };
  return { kind: 'text', text };
}

/** Undefined for what is no UTF-8, or has characters that no text has. */
function textOf(bytes: Uint8Array, isWhole: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isWhole });
    return isReadable(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Tabs, line ends and escapes are in texts, other control characters are not. */
function isReadable(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 && (code < 0x09 || code > 0x0d) && code !== 0x1b) return false;
  }
  return true;
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** RFC 4180: fields in quotes may hold separators, line ends and doubled quotes. */
export function rowsOf(text: string, separator: string, rowsMax: number): string[][] {
  const rows: string[][] = [[]];
  let field = '';
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const sign = text.charAt(index);
    if (isQuoted) {
      if (sign !== '"') field += sign;
      else if (text.charAt(index + 1) === '"') {
        field += '"';
        index += 1;
      } else isQuoted = false;
    } else if (sign === '"' && field === '') isQuoted = true;
    else if (sign === separator) {
      rows.at(-1)?.push(field);
      field = '';
    } else if (sign === '\n') {
      rows.at(-1)?.push(field.replace(/\r$/, ''));
      field = '';
      if (rows.length === rowsMax) return rows;
      rows.push([]);
    } else field += sign;
  }
  if (field !== '' || (rows.at(-1)?.length ?? 0) > 0) rows.at(-1)?.push(field);
  else rows.pop();
  return rows;
}

function dumpOf(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += DUMP_COLUMNS) {
    const part = [...bytes.subarray(start, start + DUMP_COLUMNS)];
    const codes = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const signs = part.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
    );
    const place = start.toString(16).padStart(8, '0');
    lines.push(`${place}  ${codes.padEnd(3 * DUMP_COLUMNS)} ${signs.join('')}`);
  }
  return lines;
}
