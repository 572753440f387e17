import { type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import { type EngineChoice, holdingsOfContainers } from '../docker/index.ts'
import { childrenOf, objectOf, parseJson, parseReference } from '../model/index.ts'
import { readLabel } from '../oci/index.ts'
import { type Holding, type Store, type Use, unlessGone } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import { runTrees, volumesOfPlugins } from './standing-uses.ts'
import { directoryOf, type Look, type NotedUse } from './uses.ts'

export interface Holdings {
  /** Also what has been noted since the rest was looked at; for `gc`, under its lock. */
  readonly now: () => Promise<readonly Holding[]>
  readonly warnings: readonly string[]
}

/**
 * What holds versions beside tags and leases: targets and volumes that still have them, volumes of the plugin, containers and
 * what `run` mounts into them, images in the store's own registry. Throws DAMAGED where a plugin's volumes cannot be read.
 */
export async function readHoldings(
  store: Store,
  {
    uses,
    look,
    engine,
  }: { readonly uses: readonly NotedUse[]; readonly look: Look; readonly engine: EngineChoice },
  options: CallOptions = {},
): Promise<Holdings> {
  const warnings: string[] = []
  const trees = await heldByTrees(store)
  const found = [
    ...(await heldByUses(uses, look)),
    ...(await heldByPlugins(store)),
    ...(await heldByImages(store)),
    ...trees,
    ...(await heldByContainers(engine, look, options).catch((error: unknown) => {
      if (!isBallastError(error, 'REMOTE') && !isBallastError(error, 'UNAUTHORIZED')) throw error
      if (trees.length > 0)
        warnings.push(`${error.message}: containers are told by what ballast run mounts alone`)
      return []
    })),
  ]
  const known = new Set(uses.map(keyOf))
  return {
    warnings,
    async now() {
      const fresh = (await store.uses.list()).filter((use) => !known.has(keyOf(use)) && holdsByItself(use))
      return [...found, ...fresh.map(holdingOf)]
    },
  }
}

function keyOf({ kind, place, link, digest, time }: Use): string {
  return JSON.stringify([kind, place, link, digest, time])
}

/** An image in a registry and what was pushed have a copy of their own, which nobody mends from here. */
function holdsByItself({ kind }: Use): boolean {
  return kind === 'target' || kind === 'volume'
}

function holdingOf({ kind, place, link, host, digest }: Use): Holding {
  const by = `${place}${link === undefined ? '' : ` (${link})`} on ${host}`
  return { digest, hold: { kind: kind === 'volume' ? 'volume' : 'target', by } }
}

/** What is in a directory counts, whatever was noted of it: somebody may have rolled it back. */
async function heldByUses(uses: readonly NotedUse[], look: Look): Promise<readonly Holding[]> {
  const holdings: Holding[] = []
  const seen = new Set<string>()
  for (const use of uses) {
    if (!holdsByItself(use)) continue
    if (use.is !== 'gone') holdings.push(holdingOf(use))
    const directory = directoryOf(use)
    if (directory === undefined || seen.has(directory)) continue
    seen.add(directory)
    const found = await look(directory)
    const named = new Set(
      holdings.filter(({ hold }) => hold.by.startsWith(use.place)).map(({ digest }) => digest),
    )
    for (const digest of found?.current ?? []) {
      if (!named.has(digest)) holdings.push({ digest, hold: { kind: 'target', by: use.place } })
    }
    for (const digest of found?.former ?? []) {
      holdings.push({ digest, hold: { kind: 'rollback', by: use.place } })
    }
  }
  return holdings
}

async function heldByPlugins(store: Store): Promise<readonly Holding[]> {
  const holdings: Holding[] = []
  for (const { plugin, name, ref, digest } of await volumesOfPlugins(store)) {
    const named = await store.records.resolve(parseReference(ref))
    for (const held of new Set([digest, named])) {
      if (held !== undefined)
        holdings.push({ digest: held, hold: { kind: 'volume', by: `${name} (${plugin})` } })
    }
  }
  return holdings
}

/** Of any Engine. Those that nothing uses any more have gone a day after. */
async function heldByTrees(store: Store): Promise<readonly Holding[]> {
  const trees = await runTrees(store)
  return trees.map(({ digest }) => ({ digest, hold: { kind: 'container', by: 'of ballast run' } }))
}

async function heldByContainers(
  engine: EngineChoice,
  look: Look,
  options: CallOptions,
): Promise<readonly Holding[]> {
  const containers = await withEngine(engine, (opened) => holdingsOfContainers(opened, options))
  const holdings: Holding[] = []
  for (const { name, labels, sources } of containers) {
    const digests = new Set<Digest>(labelled({ config: { Labels: labels } }))
    for (const source of sources)
      for (const digest of (await look(source))?.current ?? []) digests.add(digest)
    for (const digest of digests) holdings.push({ digest, hold: { kind: 'container', by: name } })
  }
  return holdings
}

/** Of images that were pushed to the store: their layers are made from the versions' files. */
async function heldByImages(store: Store): Promise<readonly Holding[]> {
  const holdings: Holding[] = []
  for (const name of await store.records.listNames()) {
    for (const { tag, digest, kind } of await store.records.listTags(name)) {
      if (kind !== 'image') continue
      for (const held of await modelsInImage(store, digest)) {
        holdings.push({ digest: held, hold: { kind: 'image', by: `${name}:${tag}` } })
      }
    }
  }
  return holdings
}

/** Of an index, of all of its images; none of what cannot be read. */
async function modelsInImage(store: Store, digest: Digest): Promise<readonly Digest[]> {
  const manifest = await store.readManifest(digest).catch(unlessGone)
  if (manifest === undefined) return []
  const { config, manifests } = parseJson(manifest) ?? {}
  if (Array.isArray(manifests)) {
    const inner = await Promise.all(childrenOf(manifest).map((child) => modelsInImage(store, child.digest)))
    return inner.flat()
  }
  const found = childrenOf(manifest).find((child) => child.digest === objectOf(config).digest)
  const bytes = found && (await store.readManifest(found.digest).catch(unlessGone))
  return bytes === undefined ? [] : labelled(parseJson(bytes) ?? {})
}

function labelled(config: Parameters<typeof readLabel>[0]): readonly Digest[] {
  try {
    return readLabel(config).map(({ digest }) => digest)
  } catch (error) {
    if (isBallastError(error, 'REFUSED') || isBallastError(error, 'DAMAGED')) return []
    throw error
  }
}
