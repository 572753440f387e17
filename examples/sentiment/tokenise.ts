/**
 * A text's words: lower case, composed accents, typographic apostrophes made plain. Parts joined by hyphens are
 * words of their own, so that `well-being` and `well being` are one phrase. A contraction with `not` loses its
 * apostrophe (word lists write `dont like`), a possessive its `'s`; `he'll` stays and must not become `hell`.
 */
export function tokenise(text: string): readonly string[] {
  const plain = text.normalize('NFC').toLowerCase().replaceAll('\u2019', "'")
  return (plain.match(WORD) ?? []).map((word) => word.replace(/n't$/, 'nt').replace(/'s$/, ''))
}

const WORD = /[\p{L}\p{N}]+(?:'[\p{L}\p{N}]+)*/gu
