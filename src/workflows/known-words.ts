import { hostname } from 'node:os'
import { isName, numberOfTag, splitReference } from '../model/index.ts'
import type { Store, UseKind } from '../store/index.ts'

/** Something that may be typed, and what it is. */
export interface KnownWord {
  readonly word: string
  readonly about?: string
}

/** Of a model with more, the newest. */
const MOST_NUMBERS = 200

/**
 * Models of the store that the text may become, those of one with their tags and, where they are wanted, numbers. Reads logs alone:
 * takes no lease, writes nothing.
 */
export async function knownReferences(
  store: Store,
  text: string,
  { numbers }: { readonly numbers: boolean },
): Promise<readonly KnownWord[]> {
  const { name, tag } = splitReference(text)
  const names = (await store.records.listNames()).filter((one) =>
    tag === undefined ? one.startsWith(text) : one === name,
  )
  const [only] = names
  if (only === undefined || names.length > 1) return names.map((word) => ({ word }))
  const versions = await store.records.listVersions(only)
  const numberOf = new Map(versions.map(({ digest, number }) => [digest, number]))
  const tags = (await store.records.listTags(only)).map(({ tag: word, digest }) => {
    const number = numberOf.get(digest)
    return { word: `${only}:${word}`, ...(number !== undefined && { about: `version ${number}` }) }
  })
  const numbered = versions
    .slice(-MOST_NUMBERS)
    .reverse()
    .map(({ number, time }) => ({ word: `${only}:${number}`, about: `added ${time.slice(0, 10)}` }))
  return [{ word: only }, ...tags, ...(numbers ? numbered : [])]
}

/** Tags of the model that a reference names. */
export async function knownTags(store: Store, reference: string): Promise<readonly KnownWord[]> {
  const { name } = splitReference(reference)
  if (!isName(name)) return []
  const tags = await store.records.listTags(name)
  return tags.filter(({ tag }) => numberOfTag(tag) === undefined).map(({ tag }) => ({ word: tag }))
}

/** Tags of it that have a policy; all of them where none has. */
export async function knownStages(store: Store, reference: string): Promise<readonly KnownWord[]> {
  const { name } = splitReference(reference)
  if (!isName(name)) return []
  const stages = await store.records.policies.listStages(name)
  return stages.length > 0 ? stages.map((word) => ({ word })) : knownTags(store, reference)
}

/** Where versions of the store were brought, as it has been noted: on this host, and elsewhere. */
export async function knownPlaces(store: Store, kind: UseKind): Promise<readonly KnownWord[]> {
  const isLocal = kind === 'target' || kind === 'volume'
  const uses = (await store.uses.list()).filter(
    (use) => use.kind === kind && (!isLocal || use.host === hostname()),
  )
  return uses.map(({ place, reference }) => ({
    word: kind === 'volume' ? `volume:${place}` : place,
    about: reference,
  }))
}
