import { type Digest, isDigest } from '../core/index.ts'
import { objectOf, parseJson } from './json.ts'

/**
 * What an application says of the versions that it serves, in a file or as the answer of its health endpoint
 * (docs/runtime.md, "Readiness"). The runtime libraries write it; an application may write it by hand.
 */
export interface ReadinessReport {
  readonly ready: boolean
  readonly serves: readonly Digest[]
  /** What it has tried to load and could not. */
  readonly refused: readonly Digest[]
  /** Why, in its own words. */
  readonly problem: string | undefined
}

/** Undefined for what says nothing of versions: plain text, or JSON without a digest. */
export function readReadiness(bytes: Uint8Array): ReadinessReport | undefined {
  const said = parseJson(bytes)
  if (said === undefined) return undefined
  // Services that answered for their health before answer with the version inside of `model`.
  const usual = typeof said.model === 'object' ? said.model : said
  const serves = digestsOf([usual, ...listOf(said.variants)])
  const refused = digestsOf(listOf(said.refused))
  if (serves.length === 0 && refused.length === 0 && said.ready !== false) return undefined
  const problem = typeof said.problem === 'string' ? said.problem : undefined
  return { ready: said.ready !== false, serves, refused, problem }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function digestsOf(values: readonly unknown[]): readonly Digest[] {
  const digests = values.map((value) => objectOf(value).digest)
  return digests.filter((digest): digest is Digest => typeof digest === 'string' && isDigest(digest))
}
