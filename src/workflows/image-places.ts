import { type ImagePlace, type ImageReference, parseImageReference } from '../embed/index.ts'
import { openLayout } from '../oci/index.ts'
import { findCredentials, openRepository } from '../registry/index.ts'

/** What it takes to reach images: nothing here is read from the environment. */
export interface ImageAccess {
  /** Docker's configuration directory, for credentials. */
  readonly dockerConfig: string
  /** Registries to be spoken to without TLS, beside those on loopback. */
  readonly plainHttp?: readonly string[]
}

export type OpenedImage = ImagePlace & { readonly image: ImageReference }

/** The repository that an operand names. Throws USAGE; NOT_FOUND for a layout that is not there, unless `create`. */
export async function openImage(
  text: string,
  access: ImageAccess,
  { create = false }: { readonly create?: boolean } = {},
): Promise<OpenedImage> {
  const image = parseImageReference(text)
  if (image.kind === 'layout') {
    return { image, repository: await openLayout(image.path, { create }), reference: image.reference }
  }
  const { host, name, reference } = image
  const credentials = await findCredentials(access.dockerConfig, host)
  const plainHttp = access.plainHttp?.includes(host) === true
  const repository = openRepository({
    host,
    name,
    ...(credentials && { credentials }),
    ...(plainHttp && { plainHttp }),
  })
  return { image, repository, reference }
}
