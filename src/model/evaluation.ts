import { BallastError } from '../core/index.ts'
import { type Json, objectOf } from './json.ts'

/** A version of an evaluation, and what it may be called in a document about several. */
export interface ComparedVersion {
  /** `sentiment:3` */
  readonly version: string
  /** Its other names, as a path or a digest. One that another version has too counts for neither. */
  readonly names: readonly string[]
}

/**
 * What a document says of each version, in their order. About a single one it is the metrics themselves, or has them under one
 * of its names; about several it is one object each, under one of its names. Throws USAGE for a version that is missing
 * or told of twice, and for a key that names none: it could be misspelt. `what` names the document in messages.
 */
export function divideMetrics(
  document: Json,
  { versions, what }: { readonly versions: readonly ComparedVersion[]; readonly what: string },
): readonly Json[] {
  const named = Object.entries(document).map(([key, value]) => ({ key, value, at: whichOf(versions, key) }))
  const [first] = named
  if (versions.length === 1 && !(named.length === 1 && first?.at === 0 && isObject(first.value)))
    return [document]
  for (const { key, value, at } of named) {
    if (at === undefined) throw refused(versions, `${what}: ${JSON.stringify(key)} is none of the versions`)
    if (!isObject(value))
      throw refused(versions, `${what}: what stands under ${JSON.stringify(key)} is no object`)
  }
  return versions.map(({ version }, at) => {
    const found = named.filter((entry) => entry.at === at)
    const [only] = found
    if (only === undefined) throw refused(versions, `${what} has nothing about ${version}`)
    if (found.length > 1) {
      const keys = found.map(({ key }) => JSON.stringify(key)).join(' and ')
      throw refused(versions, `${what}: ${keys} are both ${version}`)
    }
    return only.value as Json
  })
}

function whichOf(versions: readonly ComparedVersion[], key: string): number | undefined {
  const found = versions.flatMap(({ version, names }, at) =>
    version === key || names.includes(key) ? [at] : [],
  )
  return found.length === 1 ? found[0] : undefined
}

function isObject(value: unknown): value is Json {
  return objectOf(value) === value
}

function refused(versions: readonly ComparedVersion[], what: string): BallastError {
  const shape = versions.map(({ version }) => `${JSON.stringify(version)}: {…}`).join(', ')
  return new BallastError('USAGE', what, {
    hint: `write {${shape}}; a version's path in the container, its digest and its reference do as well`,
  })
}
