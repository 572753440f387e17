/** HTML that may stand as it is; everything else is text and is escaped. */
export interface Markup {
  readonly markup: string
}

export type Part = Markup | string | number | null | undefined | false | readonly Part[]

/** A template whose values are escaped unless they are markup themselves; what is absent leaves nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const rest = parts.map((part, index) => `${written(part)}${texts[index + 1] ?? ''}`)
  return { markup: `${texts[0] ?? ''}${rest.join('')}` }
}

function written(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return `${Number(part.toFixed(1))}`
  return 'markup' in part ? part.markup : part.map(written).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A figure and its unit stay in one line. */
const UNITS = /(\d) ((?:[KMGT]i)?B|s|min|h|%|[kMGT]?bps)(?![\w/])/g

/** Control characters, and those that turn the direction of text, are shown as what they are: something odd. */
function escaped(text: string): string {
  return text
    .replace(UNITS, '$1\u00a0$2')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '\ufffd')
}
