import { basename, resolve } from 'node:path'
import { BallastError, isDigest } from '../core/index.ts'
import { type ImagePlace, type ImageReference, parseImageReference } from '../embed/index.ts'
import { isTag, LATEST } from '../model/index.ts'
import {
  createArchive,
  formatImageName,
  type ImageName,
  imageNameFrom,
  openArchive,
  openLayout,
  parseImageName,
} from '../oci/index.ts'
import { findLogin, openRepository } from '../registry/index.ts'

/** What it takes to reach images: nothing here is read from the environment. */
export interface ImageAccess {
  /** Docker's configuration directory, for credentials. */
  readonly dockerConfig: string
  /** Files with logins as Podman has them, looked at in this order where Docker's has none. */
  readonly authFiles?: readonly string[]
  /** Registries to be spoken to without TLS, beside those on loopback. */
  readonly plainHttp?: readonly string[]
}

/** Of an archive, `image` and `reference` have the image's whole name, where it has one. */
export type OpenedImage = ImagePlace & { readonly image: ImageReference }

export interface OpenImageOptions {
  /** To be written to. */
  readonly create?: boolean
  /** Whose name the image gets in an archive that is written, where the operand states none. */
  readonly base?: ImageReference
}

/**
 * The repository that an operand names. Throws USAGE; NOT_FOUND for a layout or archive that is not there, unless
 * `create`. Whoever writes closes the repository in the end.
 */
export async function openImage(
  text: string,
  access: ImageAccess,
  { create = false, base }: OpenImageOptions = {},
): Promise<OpenedImage> {
  const image = parseImageReference(text)
  if (image.kind === 'layout') {
    return { image, repository: await openLayout(image.path, { create }), reference: image.reference }
  }
  if (image.kind === 'archive') return openInArchive(image, { create, base: base ?? image })
  const { host, name, reference } = image
  const plainHttp = access.plainHttp?.includes(host) === true
  const repository = openRepository({
    host,
    name,
    // A credential helper may be slow, or ask its user something: only when the registry wants a login.
    credentials: () => findLogin(access, { host, name }),
    ...(plainHttp && { plainHttp }),
  })
  return { image, repository, reference }
}

async function openInArchive(
  { path, reference: asked }: Extract<ImageReference, { readonly kind: 'archive' }>,
  { create, base }: { readonly create: boolean; readonly base: ImageReference },
): Promise<OpenedImage> {
  if (create) {
    const reference = formatImageName(nameOfResult(asked, base))
    return { image: { kind: 'archive', path, reference }, repository: await createArchive(path), reference }
  }
  const repository = await openArchive(path)
  const reference = repository.imageName(asked)
  return { image: { kind: 'archive', path, reference }, repository, reference }
}

/** `NAME:TAG` as it is stated; a mere tag is one of the base's name, and nothing means the base's own name and tag. */
function nameOfResult(reference: string, base: ImageReference): ImageName {
  if (reference === '' || isTag(reference)) {
    const { name, tag } = nameOf(base)
    return { name, tag: reference === '' ? tag : reference }
  }
  const name = parseImageName(reference)
  if (name !== undefined) return name
  throw new BallastError('USAGE', `not a name for an image: ${reference}`, {
    hint: 'write NAME:TAG in lower case, as my_ml_app:v2 or localhost:5000/my_ml_app:v2, or a TAG alone',
  })
}

/** What Engines would call the image. */
function nameOf(image: ImageReference): ImageName {
  const { reference } = image
  const tag = isTag(reference) && !isDigest(reference) ? reference : LATEST
  if (image.kind === 'registry') return { name: `${image.host}/${image.name}`, tag }
  const ofFile = basename(resolve(image.path)).replace(/\.tar$/, '')
  return parseImageName(reference) ?? { name: imageNameFrom(ofFile), tag }
}
