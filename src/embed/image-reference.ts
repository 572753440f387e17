import { BallastError, isDigest } from '../core/index.ts'
import { LATEST, parseName, parseOperand, parseTag, splitReference } from '../model/index.ts'
import { parseImageName } from '../oci/index.ts'

/**
 * An image in a registry, in the local Engine, in an OCI layout or in an archive. `reference` is a tag or a digest, or of an archive a name
 * (`app:v1`) or a tag; empty means a layout's or an archive's only image.
 */
export type ImageReference =
  | { readonly kind: 'registry'; readonly host: string; readonly name: string; readonly reference: string }
  | { readonly kind: 'engine'; readonly name: string; readonly reference: string }
  | { readonly kind: 'layout'; readonly path: string; readonly reference: string }
  | ArchiveReference

export interface ArchiveReference {
  readonly kind: 'archive'
  readonly path: string
  readonly reference: string
}

/** A plain name is the Engine's, with `image:` before it or not. Throws USAGE for operands that are no image. */
export function parseImageReference(text: string): ImageReference {
  const operand = parseOperand(text)
  if (operand.kind === 'layout') {
    return {
      kind: 'layout',
      path: operand.path,
      reference: operand.tag === undefined ? '' : parseTag(operand.tag),
    }
  }
  if (operand.kind === 'registry') {
    const { name, tag, digest } = splitReference(operand.rest)
    if (digest !== undefined && !isDigest(digest))
      throw new BallastError('USAGE', `not a sha256 digest in ${text}`)
    return {
      kind: 'registry',
      host: operand.host,
      name: parseName(name),
      reference: digest ?? parseTag(tag ?? LATEST),
    }
  }
  if (operand.kind === 'archive') return parseArchive(operand.text)
  if (operand.kind === 'name' || operand.kind === 'image') return parseEngineImage(operand.text)
  throw new BallastError('USAGE', `${text} is a ${operand.kind}, which cannot be used as an image`, {
    hint: 'name an image of the Engine (my_ml_app:latest), in a registry (localhost:5000/my_ml_app:latest), an OCI layout (oci:DIRECTORY:TAG) or an archive (archive:FILE)',
  })
}

function parseEngineImage(text: string): ImageReference {
  const { name, tag = LATEST, digest } = splitReference(text)
  const reference = digest ?? tag
  const isName = parseImageName(`${name}:${tag}`) !== undefined
  if (isName && (digest === undefined || isDigest(digest))) return { kind: 'engine', name, reference }
  throw new BallastError('USAGE', `not a name for an image: ${text}`, {
    hint: 'write NAME:TAG, NAME in lower case, as docker image ls has it',
  })
}

/** `FILE` or `FILE:REFERENCE`, cut at the first `:` as skopeo does, since a name has colons of its own. */
function parseArchive(text: string): ArchiveReference {
  const [, path = '', reference] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? []
  if (path !== '' && reference !== '' && isPlain(reference ?? '')) {
    return { kind: 'archive', path, reference: reference ?? '' }
  }
  throw new BallastError('USAGE', `not an archive: archive:${text}`, {
    hint: 'write archive:FILE, or archive:FILE:NAME:TAG for one image of several; FILE has no colon',
  })
}

function isPlain(reference: string): boolean {
  return /^[\x21-\x7e]*$/.test(reference)
}

export function formatImageReference(image: ImageReference): string {
  const { reference } = image
  const separator = isDigest(reference) ? '@' : ':'
  if (image.kind === 'engine') return `${image.name}${separator}${reference}`
  if (image.kind !== 'registry') {
    const scheme = image.kind === 'layout' ? 'oci' : 'archive'
    return `${scheme}:${image.path}${reference === '' ? '' : `:${reference}`}`
  }
  return `${image.host}/${image.name}${separator}${reference}`
}
