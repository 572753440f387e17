import { basename } from 'node:path'
import { BallastError, shortDigest, temporaryName } from '../core/index.ts'
import type { HelperStep, VolumeHelper } from '../docker/index.ts'
import { isServerLayout, OWN_DIRECTORY, totalSize } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { fileEntry } from '../tar/index.ts'
import type { Delivery } from './delivery.ts'
import { recordAfter, recordOf, refuseOtherUse } from './followed.ts'
import { type FollowingOptions, movedMeanwhile, type Swapped } from './following.ts'
import { recentGenerations } from './generations.ts'
import { layoutOfLink } from './layouts/index.ts'
import {
  checkLinkName,
  freeFileLinks,
  linkedGeneration,
  refuseForeignNames,
  takenFileLinks,
} from './links.ts'
import { GENERATIONS, HELPER_LOCK, INCOMING, STATE, TEMPORARY_LINK, VARIANTS, VIEWS } from './names.ts'
import { encodeState, isGenerationId, withUnrecorded } from './state.ts'
import { findWhole, tarOf, writeIncoming } from './volume-tree.ts'
import { lookIntoVolume, refuseForeign, sweepSteps } from './volume-view.ts'

export interface HelperTarget {
  readonly helper: VolumeHelper
  readonly volume: string
  readonly name: string
  readonly delivery: Delivery
}

/**
 * What `deliverFollowing` does, in a volume that only containers get at: the same files, links and state. The tree is
 * unpacked beside its place and synced; one run of the helper then makes all changes that anybody sees, under a lock, after
 * it has looked whether the links are still as they were read. Throws CONFLICT (retryable) where they are not.
 */
export async function deliverByHelper(
  store: Store,
  { helper, volume, name, delivery }: HelperTarget,
  options: FollowingOptions,
): Promise<Swapped> {
  checkLinkName(name)
  const { version, marker } = delivery
  const target = `volume:${volume}`
  const seen = await lookIntoVolume(helper, target, options)
  refuseForeign(seen, target)
  const { root, state, readGeneration } = seen
  const { layout } = options
  if (isServerLayout(layout) || layoutOfLink(root.get(name)) !== undefined) throw layoutByHelper(target)
  const files = freeFileLinks(root, { target, name, layout, version })
  refuseForeignNames(root, { target, name, files })
  const link = `${target}/${name}`
  const { known, followed: recorded } = recordOf(state, { link, name, marker })
  const linked = linkedGeneration(root, name)
  if (options.leaves !== undefined && options.leaves.id !== linked) throw movedMeanwhile(link)
  const followed = await withUnrecorded(recorded, { id: linked, readGeneration })
  refuseOtherUse(link, { known: known && followed, delivery }, options)

  const base = `${marker.number}-${shortDigest(version.digest)}`
  const taken = seen.generations.filter((id) => id === base || id.startsWith(`${base}.`))
  const whole = await findWhole(
    helper,
    { candidates: preferred(linked, taken), files: version.files },
    options,
  )
  const id = whole ?? (taken.includes(base) ? `${base}.${temporaryName().slice(-10, -4)}` : base)
  const incoming = `${OWN_DIRECTORY}/${INCOMING}${temporaryName()}`
  await helper.run([
    ...sweepSteps(seen),
    ['mkdir', OWN_DIRECTORY],
    ['mkdir', GENERATIONS],
    ['mkdir', incoming],
  ])
  try {
    if (whole === undefined) await writeIncoming(store, { helper, incoming, delivery }, options)
    const { next, moved } = recordAfter(followed, { id, delivery, files }, options)
    const models = { ...state.models, [name]: next }
    await helper.write(
      incoming,
      tarOf([fileEntry('state.json', encodeState({ version: 1, models }))]),
      options,
    )
    const keep = new Set([
      ...[...root.keys()].flatMap((other) => (other === name ? [] : (linkedGeneration(root, other) ?? []))),
      ...recentGenerations(Object.values(models), options),
      id,
    ])
    const former = followed.files.filter((file) => !files.includes(file))
    const temporary = `${OWN_DIRECTORY}/${TEMPORARY_LINK}${temporaryName()}`
    const steps: HelperStep[] = [
      ['lock', HELPER_LOCK],
      ['directory?', OWN_DIRECTORY],
      ['directory?', GENERATIONS],
      ...[name, ...files].map((entry): HelperStep => ['link?', entry, root.get(entry) ?? '']),
      ['sync'],
      ...(whole === undefined
        ? ([['rename', `${incoming}/tree`, `${GENERATIONS}/${id}`], ['sync']] as const)
        : []),
      ...files
        .filter((file) => !root.has(file))
        .map((file): HelperStep => ['link', `${name}/${file}`, file, temporary]),
      ...(linked === id ? [] : ([['link', `${GENERATIONS}/${id}`, name, temporary]] as const)),
      ...former.map((file): HelperStep => ['unlink', file, `${name}/${file}`]),
      ['rename', `${incoming}/state.json`, STATE],
      ['sync'],
      // Which versions variants and servers have is not read here, so that none goes.
      ...(seen.left.some(({ path }) => [VARIANTS, VIEWS].map((own) => basename(own)).includes(path))
        ? []
        : seen.generations
      )
        .filter((old) => isGenerationId(old) && !keep.has(old))
        .map((old): HelperStep => ['remove', `${GENERATIONS}/${old}`]),
    ]
    await helper.run(steps, options)
    const bytesCopied = whole === undefined ? totalSize(version.files) : 0
    const warnings = takenFileLinks(version, { name, layout, files })
    const how = moved || linked !== id ? 'delivered' : 'unchanged'
    return { how, bytesCopied, warnings, path: name, files }
  } finally {
    await helper.run([['remove', incoming]]).catch(() => undefined)
  }
}

function layoutByHelper(target: string): BallastError {
  return new BallastError(
    'REFUSED',
    `${target} is written to by a container, which lays out nothing for model servers`,
    {
      hint: 'use a volume of an Engine on this host as a user who may write there, or a directory that is bind-mounted',
    },
  )
}

function preferred(linked: string | undefined, taken: readonly string[]): readonly string[] {
  return linked !== undefined && taken.includes(linked)
    ? [linked, ...taken.filter((id) => id !== linked)]
    : taken
}
