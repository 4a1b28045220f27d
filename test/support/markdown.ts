/** The cells of the first table below a heading, without its head and without backticks. */
export function tableBelow(text: string, heading: string): string[][] {
  const [, below = ''] = text.split(`\n${heading}\n`);
  const [rows = ''] = /(?:^\|.*\n)+/m.exec(below) ?? [];
  return rows
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()));
}
