/** A word as bash would read it, as far as that can be told without running anything: `$x` and `` `x` `` stay as they are. */
export function unquote(word: string): string {
  return word.replace(
    /'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.)|\\$/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\([$`"\\])/g, '$1') ?? escaped ?? '',
  )
}
