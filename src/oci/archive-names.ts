import { BallastError } from '../core/index.ts'
import { isTag, LATEST, splitReference } from '../model/index.ts'

/** An image's name in an archive, as `docker load` will call it. */
export interface ImageName {
  /** Repository, with the registry's host where it has one: `localhost:5000/team/app`. */
  readonly name: string
  readonly tag: string
}

/** `NAME:TAG`; a NAME alone, told by its `/`, means `latest`. Undefined for a mere tag and for what is no name. */
export function parseImageName(text: string): ImageName | undefined {
  const { name, tag, digest } = splitReference(text)
  if (digest !== undefined || (tag === undefined && !name.includes('/'))) return undefined
  const valid = NAME.test(name) && name.length <= LONGEST_NAME && isTag(tag ?? LATEST)
  return valid ? { name, tag: tag ?? LATEST } : undefined
}

/** Docker's grammar (distribution/reference), which is narrower than what a registry may allow. */
const NAME =
  /^(?:(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+:\d+|\[[0-9a-fA-F:]+\](?::\d+)?)\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const LONGEST_NAME = 255

export function formatImageName({ name, tag }: ImageName): string {
  return `${name}:${tag}`
}

/** With the host and the `library/` that Docker leaves out: what containerd calls the image. */
export function fullName({ name, tag }: ImageName): string {
  return `${hostedName(name)}:${tag}`
}

/** A repository's name, with what Docker leaves out of it. */
export function hostedName(name: string): string {
  const [first = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  return hasHost ? name : `docker.io/${rest.length === 0 ? 'library/' : ''}${name}`
}

/** The nearest that Docker's grammar allows: a file's or directory's name becomes an image's. */
export function imageNameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return name === '' ? 'image' : name.slice(0, LONGEST_NAME)
}

/** Names of an archive that are shown, and nothing that would confuse a terminal or a list. */
export function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x21-\x7e]{1,512}$/.test(name)
}

export interface Named {
  readonly names: readonly string[]
}

/** An image of several, and the name by which it was meant: empty for one without a name. */
export interface Chosen<T> {
  readonly image: T
  readonly name: string
}

/**
 * The image that is meant: by its name, by the end of its name behind a `/`, or by its tag, in this order; the empty
 * reference means the only image. Undefined where there is none. Throws REFUSED, with the names, where several are meant.
 */
export function chooseImage<T extends Named>(
  images: readonly T[],
  { reference, archive }: { readonly reference: string; readonly archive: string },
): Chosen<T> | undefined {
  for (const isMeant of reference === '' ? [isAnything] : [isName, endsName, isTagOf]) {
    const meant = images.flatMap((image) => {
      const name = (image.names.length === 0 ? [''] : image.names).find((each) => isMeant(each, reference))
      return name === undefined ? [] : { image, name }
    })
    if (meant.length > 1) {
      const what = reference === '' ? 'images' : `images called ${reference}`
      throw new BallastError('REFUSED', `${archive} holds ${meant.length} ${what}`, {
        hint: `name one of them, as ${archive}:NAME. ${listOf(meant.map(({ image }) => image))}`,
      })
    }
    if (meant[0] !== undefined) return meant[0]
  }
  return undefined
}

/** For people: the first of the images' names. */
export function listOf(images: readonly Named[]): string {
  const names = images.flatMap((image) => image.names)
  if (names.length === 0) return 'It holds no image with a name'
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : ''
  return `It holds ${names.slice(0, MOST_LISTED).join(', ')}${more}`
}

const MOST_LISTED = 20

function isAnything(): boolean {
  return true
}

function isName(name: string, reference: string): boolean {
  return name === reference
}

function endsName(name: string, reference: string): boolean {
  return /[/:]/.test(reference) && name.endsWith(`/${reference}`)
}

function isTagOf(name: string, reference: string): boolean {
  return splitReference(name).tag === reference
}
