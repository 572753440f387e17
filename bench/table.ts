export type Row = Readonly<Record<string, string | number>>

/** For a terminal. The columns are those of the first row. */
export function textTable(rows: readonly Row[]): string {
  const cells = toCells(rows)
  const widths = widthsOf(cells)
  return cells.map((line) => pad(line, widths).join('  ').trimEnd()).join('\n')
}

export function markdownTable(rows: readonly Row[]): string {
  const cells = toCells(rows).map((line) => line.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = widthsOf(cells)
  const [header = [], ...body] = cells.map((line) => `| ${pad(line, widths).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [header, rule, ...body].join('\n')
}

function toCells(rows: readonly Row[]): readonly (readonly string[])[] {
  const columns = Object.keys(rows[0] ?? {})
  return [columns, ...rows.map((row) => columns.map((column) => formatCell(row[column] ?? '')))]
}

/** `37,447`: in English on every machine, so that the same figures make the same text. */
function formatCell(cell: string | number): string {
  return typeof cell === 'number' ? cell.toLocaleString('en-US') : cell
}

function widthsOf(cells: readonly (readonly string[])[]): readonly number[] {
  return (cells[0] ?? []).map((_, at) => Math.max(...cells.map((line) => (line[at] ?? '').length)))
}

function pad(line: readonly string[], widths: readonly number[]): readonly string[] {
  return line.map((cell, at) => cell.padEnd(widths[at] ?? 0))
}
