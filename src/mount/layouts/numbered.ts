import { BallastError } from '../../core/index.ts'
import type { Version } from '../../model/index.ts'
import type { PlacedVersion, ViewEntry, ViewRequest } from './layout.ts'
import type { NumberRule } from './rules.ts'

/**
 * The directories that have the versions' numbers for names. Throws REFUSED where there is no number, or where the files do not
 * tell which of them are the version.
 */
export function numberedEntries(
  { current, former }: Pick<ViewRequest, 'current' | 'former'>,
  rule: NumberRule,
): ReadonlyMap<string, ViewEntry> {
  return new Map([current, ...former].map((placed) => [numberOf(placed), entryOf(placed, rule)] as const))
}

function numberOf({ marker }: PlacedVersion): string {
  if (marker.number > 0) return `${marker.number}`
  throw new BallastError(
    'REFUSED',
    `${marker.reference} has no number, and the layout shows versions by them`,
    {
      hint: `give it one: ballast add ${marker.model} FILES…`,
    },
  )
}

function entryOf({ id, version, marker }: PlacedVersion, rule: NumberRule): ViewEntry {
  return { id, path: numberedDirectory(version, { rule, reference: marker.reference }) ?? '' }
}

/**
 * The one directory at the root of the version whose name is a number already, as in a model's directory that was added whole:
 * its number makes way for the version's. Throws REFUSED where there are several.
 */
export function numberedDirectory(
  version: Version,
  { rule, reference }: { readonly rule: NumberRule; readonly reference: string },
): string | undefined {
  const numbered = rootNames(version).filter(
    ({ name, isDirectory }) => isDirectory && rule(name) !== undefined,
  )
  const [only, ...others] = numbered.map(({ name }) => name)
  if (others.length === 0) return only
  throw new BallastError(
    'REFUSED',
    `${reference} holds several numbered directories (${[only, ...others].join(', ')}), and is one version itself`,
    { hint: 'add each of them as a version: ballast add NAME DIRECTORY/NUMBER' },
  )
}

export interface RootName {
  readonly name: string
  readonly isDirectory: boolean
}

/** What stands at the root of a version. */
export function rootNames({ files }: Version): readonly RootName[] {
  const names = new Map<string, boolean>()
  for (const { path } of files) {
    const [name = '', ...rest] = path.split('/')
    names.set(name, rest.length > 0)
  }
  return [...names].map(([name, isDirectory]) => ({ name, isDirectory }))
}
