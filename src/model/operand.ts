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

/** Whether it is the address of something in an object store. */
export function isBucketAddress(text: string): boolean {
  return /^(?:s3|gs|az):\/\//.test(text)
}

/** Whether it names a place outside the store that models are pushed to and pulled from. */
export function isRemote(text: string): boolean {
  const { kind } = parseOperand(text)
  return kind === 'registry' || kind === 'layout' || kind === 'archive' || isBucketAddress(text)
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

/** A thing of the Engine, or an image, and a path in it. */
export interface PathIn {
  readonly name: string
  /** Absolute, in what is named; empty where none is stated. */
  readonly path: string
}

/** `NAME[:PATH]` of a volume or a container, whose names have no colon; a volume's PATH is absolute from its root. */
export function splitNameAndPath(text: string): PathIn {
  const colon = text.indexOf(':')
  if (colon < 0) return { name: text, path: '' }
  return { name: text.slice(0, colon), path: absolute(text.slice(colon + 1)) }
}

/** `IMAGE[:PATH]`, where the image may have colons and an absolute path of its own: `oci:/srv/image:v2:/app/models`. */
export function splitImageAndPath(text: string): PathIn {
  const cut = text.lastIndexOf(':/')
  const name = text.slice(0, Math.max(cut, 0))
  if (cut < 0 || name === 'oci' || name === 'archive') return { name: text, path: '' }
  return { name, path: absolute(text.slice(cut + 1)) }
}

/** Without `//` and a `/` at the end; `/` stays. */
function absolute(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}
