import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What a store lacks, read without Ballast's own code and in one go, so that no other work gets in between.
 */

/** Manifests, in the store at all, of which some blob or layer is not there: `<digits> lacks <digits>`. */
export function manifestsWithoutBlobs(
  store: string,
  known: Map<string, readonly string[]>,
): readonly string[] {
  const blobs = join(store, 'blobs', 'sha256')
  const present = new Set(names(blobs))
  const lacking: string[] = []
  for (const hex of present) {
    let children = known.get(hex)
    if (children === undefined) {
      children = childrenOf(join(blobs, hex))
      known.set(hex, children)
    }
    for (const child of children) {
      if (!present.has(child) && !isDerivable(store, child, present)) lacking.push(`${hex} lacks ${child}`)
    }
  }
  return lacking
}

/** References that resolve, and lead to something that is not there or whose bytes are wrong. */
export function brokenReferences(store: string): readonly string[] {
  const broken: string[] = []
  for (const { reference, hex } of liveReferences(store)) {
    for (const needed of [hex, ...childrenOf(join(store, 'blobs', 'sha256', hex))]) {
      const path = join(store, 'blobs', 'sha256', needed)
      if (isDerived(store, needed)) continue
      if (!exists(path)) broken.push(`${reference} needs ${needed}, which is gone`)
      else if (hashOf(path) !== needed) broken.push(`${reference}: ${needed} is damaged`)
      else if (exists(join(store, 'ballast', 'damaged', needed)))
        broken.push(`${reference}: ${needed} counts as damaged`)
    }
  }
  return broken
}

interface LiveReference {
  /** `name:tag` or `name:number`. */
  readonly reference: string
  readonly hex: string
}

export function liveReferences(store: string): readonly LiveReference[] {
  const found: LiveReference[] = []
  const repositories = join(store, 'ballast', 'repositories')
  for (const name of names(repositories)) {
    const numbers = new Map<number, string>()
    for (const record of records(join(repositories, name, 'versions'))) {
      if ('removed' in record) numbers.delete(record.removed as number)
      else numbers.set(record.number as number, hexOf(record.digest))
    }
    for (const [number, hex] of numbers) found.push({ reference: `${name}:${number}`, hex })
    for (const tag of names(join(repositories, name, 'tags'))) {
      const head = records(join(repositories, name, 'tags', tag)).at(-1)
      if (head !== undefined && head.digest !== null)
        found.push({ reference: `${name}:${tag}`, hex: hexOf(head.digest) })
    }
  }
  return found
}

type Fields = Readonly<Record<string, unknown>>

function records(directory: string): readonly Fields[] {
  return names(directory).map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Fields)
}

function childrenOf(path: string): readonly string[] {
  if (!exists(path) || statSync(path).size > 1 << 20) return []
  const text = readFileSync(path, 'utf8')
  if (!text.startsWith('{"schemaVersion"')) return []
  const { config, layers, manifests } = JSON.parse(text) as {
    config?: { digest: string }
    layers?: readonly { digest: string }[]
    manifests?: readonly { digest: string }[]
  }
  const children = [...(config === undefined ? [] : [config]), ...(layers ?? []), ...(manifests ?? [])]
  return children.map(({ digest }) => hexOf(digest))
}

function isDerived(store: string, hex: string): boolean {
  return exists(join(store, 'ballast', 'derived', `${hex}.json`))
}

function isDerivable(store: string, hex: string, present: ReadonlySet<string>): boolean {
  if (!isDerived(store, hex)) return false
  const { parts } = JSON.parse(readFileSync(join(store, 'ballast', 'derived', `${hex}.json`), 'utf8')) as {
    parts: readonly string[]
  }
  return parts.every((part) => present.has(hexOf(part)))
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function names(directory: string): readonly string[] {
  return exists(directory) ? readdirSync(directory).sort() : []
}

function exists(path: string): boolean {
  return existsSync(path)
}

function hexOf(digest: unknown): string {
  return String(digest).replace('sha256:', '')
}
