import type { Context } from './context.ts';

/** One line for each row: as JSON, or as `describe` says. */
export async function writeRows<Row>(
  { stdout }: Pick<Context, 'stdout'>,
  rows: readonly Row[],
  form: { readonly json: boolean | undefined; readonly describe: (row: Row) => string },
): Promise<void> {
  const lines = rows.map((row) => (form.json ? JSON.stringify(row) : form.describe(row)));
  await stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Columns of at least these widths, two spaces apart. */
export function columns(...cells: readonly (readonly [text: string, width: number])[]): string {
  return cells
    .map(([text, width]) => text.padEnd(width))
    .join('  ')
    .trimEnd();
}
