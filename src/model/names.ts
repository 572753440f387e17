import { BallastError, type Digest, isDigest } from '../core/index.ts'

/** A model's or image repository's name: `[a-z0-9]+([._-][a-z0-9]+)*` joined by `/`, without a host. */
export type RepositoryName = string & { readonly __brand: 'RepositoryName' }
/** OCI distribution-spec tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. */
export type Tag = string & { readonly __brand: 'Tag' }

/** A name with either a tag or a digest; a reference written without both means the tag `latest`. */
export interface Reference {
  readonly name: RepositoryName
  readonly tag?: Tag
  readonly digest?: Digest
}

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
/** Fits a file name with `/` written as one character, and the 255 of registries with room for a host. */
const LONGEST_NAME = 200

export const LATEST = 'latest' as Tag

export function isName(text: string): text is RepositoryName {
  return NAME.test(text) && text.length <= LONGEST_NAME
}

export function isTag(text: string): text is Tag {
  return TAG.test(text)
}

/** Throws USAGE with the rule that is broken. */
export function parseName(text: string): RepositoryName {
  if (!isName(text)) {
    throw new BallastError('USAGE', `not a model name: ${JSON.stringify(text)}`, {
      hint: 'use lower-case letters and digits, joined by one of . _ - and in parts separated by /',
    })
  }
  return text
}

/** Throws USAGE. */
export function parseTag(text: string): Tag {
  if (!isTag(text)) {
    throw new BallastError('USAGE', `not a tag: ${JSON.stringify(text)}`, {
      hint: 'use at most 128 letters, digits and . _ - and begin with a letter, a digit or _',
    })
  }
  return text
}

/** The version number that the tag is, or undefined. Leading zeros are not numbers: `007` is a plain tag. */
export function numberOfTag(tag: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(tag) ? Number(tag) : undefined
}

/** `name`, `name:tag` or `name@sha256:…`. Throws USAGE. */
export function parseReference(text: string): Reference {
  const { name, tag, digest } = splitReference(text)
  if (digest !== undefined) {
    if (!isDigest(digest)) {
      throw new BallastError('USAGE', `not a sha256 digest in ${JSON.stringify(text)}`, {
        hint: 'write NAME@sha256: and 64 hexadecimal digits, as `ballast list --json` prints them',
      })
    }
    return { name: parseName(name), digest }
  }
  return { name: parseName(name), tag: tag === undefined ? LATEST : parseTag(tag) }
}

/** Whether the text names a tag or digest, rather than leaving it to `latest`. */
export function hasVersion(text: string): boolean {
  const { tag, digest } = splitReference(text)
  return tag !== undefined || digest !== undefined
}

export function formatReference(reference: Reference): string {
  if (reference.digest !== undefined) return `${reference.name}@${reference.digest}`
  return `${reference.name}:${reference.tag ?? LATEST}`
}

/** Cuts at the first `@`, else at the last `:` behind the last `/` (a host's port stands before it). */
export function splitReference(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@')
  if (at >= 0) return { name: text.slice(0, at).replace(/:[^/:]*$/, ''), digest: text.slice(at + 1) }
  const colon = text.lastIndexOf(':')
  if (colon < 0 || colon < text.lastIndexOf('/')) return { name: text }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

/** The last part of a name: what the model's directory is called in an image or beside other models. */
export function lastPart(name: RepositoryName): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
