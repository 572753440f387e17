import { BallastError } from '../core/index.ts'

/** What a command-line operand denotes (design 2), told from its text alone. */
export type Operand =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'layout'; readonly path: string; readonly tag: string | undefined }
  | { readonly kind: 'archive' | 'volume' | 'container' | 'image' | 'source'; readonly text: string }
  | { readonly kind: 'registry'; readonly host: string; readonly rest: string }
  | { readonly kind: 'name'; readonly text: string }

const SOURCES = /^(?:s3|gs|az|hf|https?):\/\//

/** Throws USAGE for an empty operand. */
export function parseOperand(text: string): Operand {
  if (text === '') throw new BallastError('USAGE', 'an empty operand')
  if (SOURCES.test(text)) return { kind: 'source', text }
  if (/^[./~]/.test(text)) return { kind: 'path', path: text }
  const [, scheme, rest] = /^(oci|archive|volume|container|image):(.+)$/s.exec(text) ?? []
  if (scheme === 'oci' && rest !== undefined && !isPort(rest)) return parseLayout(rest)
  if (scheme !== undefined && scheme !== 'oci' && rest !== undefined && !isPort(rest)) {
    return { kind: scheme as 'archive' | 'volume' | 'container' | 'image', text: rest }
  }
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  if (isHost(first)) return { kind: 'registry', host: first, rest: text.slice(slash + 1) }
  return { kind: 'name', text }
}

/** Docker's rule: a first part with `.` or `:`, or `localhost`, is a registry host. */
function isHost(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first)
}

/** `oci:5000/app` is a host called `oci` with a port, not a directory called `5000/app`. */
function isPort(rest: string): boolean {
  return /^\d+\//.test(rest)
}

function parseLayout(rest: string): Operand {
  const colon = rest.lastIndexOf(':')
  if (colon <= 0 || colon < rest.lastIndexOf('/')) return { kind: 'layout', path: rest, tag: undefined }
  return { kind: 'layout', path: rest.slice(0, colon), tag: rest.slice(colon + 1) }
}
