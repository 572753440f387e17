const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** Whether the terminal shows more than ASCII, by its locale, as programs of the terminal tell it. */
export function showsBlocks({
  LC_ALL,
  LC_CTYPE,
  LANG,
  TERM,
}: Readonly<Record<string, string | undefined>>): boolean {
  return TERM !== 'dumb' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')
}

/** As long as `share` (0 to 1) of `width` columns; what is more than nothing is seen. */
export function formatBar(share: number, width: number, { ascii = false } = {}): string {
  if (share <= 0) return ''
  if (ascii) return '#'.repeat(Math.max(1, Math.round(share * width)))
  const eighths = Math.max(1, Math.round(share * width * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}
