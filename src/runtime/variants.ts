import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ModelError, systemCode } from './error.ts'
import { findLink, type TargetLink, VERSIONS } from './links.ts'
import { MOVED } from './locate.ts'
import { readMarker } from './marker.ts'
import { type PickRequest, pickByKey } from './pick.ts'
import { modelAt, type ResolvedModel, type ResolveOptions, resolveWatched, untilStill } from './resolve.ts'
import { readVariantFile, VARIANTS, type VariantEntry, type VariantFile } from './variant-file.ts'

/** What the only variant of a model that is not split is called, and what `ballast split` calls the usual one. */
export const STABLE = 'stable'

export interface Variant {
  readonly name: string
  /** A whole number; its share of all weights is the share of the keys that it gets. */
  readonly weight: number
  readonly model: ResolvedModel
}

/** The variants at a path, with the weights and rules that were set together with them. It never changes. */
export interface VariantSet {
  /** Counts the changes of the set; 0 where the model is not split. */
  readonly number: number
  /** At least one. A model that is not split is the variant `stable`. */
  readonly variants: readonly Variant[]
  /** The variants of tenants that have a rule. */
  readonly tenants: ReadonlyMap<string, string>
  /**
   * The same for the same request in every process, on every host and in every language. A tenant's rule comes before the
   * weights. Throws TypeError for a request without a key and without a tenant.
   */
  pick(request: PickRequest): Variant
}

export interface WatchedVariants {
  readonly set: VariantSet
  readonly watched: readonly string[]
}

/**
 * Resolves the path once to all the versions that it holds, whole and belonging together. A path that cannot be split
 * (an embedded model, a pinned mount, a plain directory) or is not has one variant, `stable`. Throws what
 * `resolveModel` does.
 */
export async function resolveVariants(path: string, options: ResolveOptions = {}): Promise<VariantSet> {
  return (await resolveVariantsWatched(path, options)).set
}

export function resolveVariantsWatched(path: string, options: ResolveOptions): Promise<WatchedVariants> {
  const absolute = resolve(path)
  return untilStill(absolute, () => lookForVariants(absolute, options))
}

/** Whether both lead to the same versions by the same weights and rules. */
export function sameVariants(a: VariantSet, b: VariantSet): boolean {
  return a.number === b.number && identityOf(a) === identityOf(b)
}

async function lookForVariants(
  path: string,
  options: ResolveOptions,
): Promise<WatchedVariants | typeof MOVED> {
  const link = await findLink(path, options.name)
  const file = link && (await readVariantFile(link))
  if (link === undefined || file === undefined) {
    const { model, watched } = await resolveWatched(path, options)
    const beside = link === undefined ? [] : [join(link.root, VARIANTS)]
    return { set: setOf({ variants: [{ name: STABLE, weight: 1, model }] }), watched: [watched, ...beside] }
  }
  const variants: Variant[] = []
  for (const entry of file.variants) {
    const model = await modelOf(link, entry)
    if (model === MOVED) return MOVED
    variants.push({ name: entry.name, weight: entry.weight, model })
  }
  return { set: setOf({ variants, file }), watched: [join(link.root, VARIANTS), watchedBy(path, link)] }
}

/** The path may be a link outside of the target that is made to lead elsewhere. */
function watchedBy(path: string, { root }: TargetLink): string {
  return path === root ? root : dirname(path)
}

async function modelOf(
  link: TargetLink,
  { name, id, digest }: VariantEntry,
): Promise<ResolvedModel | typeof MOVED> {
  const directory = join(link.root, VERSIONS, id)
  try {
    const version = await readMarker(directory)
    if (version.digest === digest) return modelAt(await realpath(directory), version)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    // Withdrawn meanwhile, and its time is over.
    const now = await readVariantFile(link)
    if (now?.variants.some((entry) => entry.name === name && entry.id === id) !== true) return MOVED
  }
  throw new ModelError(
    'DAMAGED',
    directory,
    `the variant ${name} leads to ${directory}, which does not hold its version: run \`ballast split\` again with ${name}=REF`,
  )
}

function setOf({
  variants,
  file,
}: {
  readonly variants: readonly Variant[]
  readonly file?: VariantFile
}): VariantSet {
  const tenants = file?.tenants ?? new Map()
  const salt = file?.model ?? ''
  return {
    number: file?.number ?? 0,
    variants,
    tenants,
    pick(request) {
      const { key, tenant } = checkRequest(request)
      const ruled = tenant === undefined ? undefined : tenants.get(tenant)
      const found =
        ruled === undefined
          ? pickByKey(variants, { salt, key: key ?? tenant ?? '' })
          : variants.find(({ name }) => name === ruled)
      // No set is without a variant that has a weight, nor with a rule for one that is not there.
      return found ?? (variants[0] as Variant)
    },
  }
}

function checkRequest({ key, tenant }: PickRequest): PickRequest {
  const given = [key, tenant].filter((text) => text !== undefined)
  if (given.length > 0 && given.every((text) => typeof text === 'string'))
    return { key, tenant } as PickRequest
  throw new TypeError(
    'pick needs a key or a tenant, as texts: pick({ key: user.id, tenant: user.organisation })',
  )
}

function identityOf({ variants, tenants }: VariantSet): string {
  const entries = variants.map(({ name, weight, model }) => [
    name,
    weight,
    model.directory,
    model.version?.digest,
  ])
  return JSON.stringify([entries, [...tenants]])
}
