import { BallastError, isDigest } from '../core/index.ts'
import { LATEST, parseName, parseOperand, parseTag, splitReference } from '../model/index.ts'

/** An image in a registry or in an OCI layout. `reference` is a tag or a digest; empty means a layout's only image. */
export type ImageReference =
  | { readonly kind: 'registry'; readonly host: string; readonly name: string; readonly reference: string }
  | { readonly kind: 'layout'; readonly path: string; readonly reference: string }

/** Throws USAGE for operands that are no image, or an image at a place that is not supported. */
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
  const what = operand.kind === 'name' ? 'an image of the local Engine' : `a ${operand.kind}`
  throw new BallastError('USAGE', `${text} is ${what}, which cannot be used as an image yet`, {
    hint: 'name an image in a registry (localhost:5000/my_ml_app:latest) or an OCI layout (oci:DIRECTORY:TAG)',
  })
}

export function formatImageReference(image: ImageReference): string {
  const { reference } = image
  if (image.kind === 'layout') return `oci:${image.path}${reference === '' ? '' : `:${reference}`}`
  return `${image.host}/${image.name}${isDigest(reference) ? '@' : ':'}${reference}`
}
