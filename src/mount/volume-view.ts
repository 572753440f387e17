import { basename } from 'node:path'
import { BallastError, type CallOptions, isBallastError, lifeByName, readAll } from '../core/index.ts'
import type { HelperStep, ToldPath, VolumeHelper } from '../docker/index.ts'
import { OWN_DIRECTORY } from '../model/index.ts'
import { GENERATIONS, INCOMING, STATE, TEMPORARY_LINK } from './names.ts'
import type { SeenTarget } from './seen.ts'
import { decodeState } from './state.ts'
import { type DeliveredTree, readTreeBy } from './tree.ts'

/** A volume as it was read. */
export interface SeenVolume extends SeenTarget {
  /** As of a directory: nothing in it, what Ballast delivered, or something of others. */
  readonly kind: 'empty' | 'following' | 'foreign'
  readonly generations: readonly string[]
  /** What others left below `.ballast/`. */
  readonly left: readonly ToldPath[]
}

/** `target` is for messages. Throws REFUSED where somebody has put something in the place of a directory. */
export async function lookIntoVolume(
  helper: VolumeHelper,
  target: string,
  options: CallOptions,
): Promise<SeenVolume> {
  const told = await helper.run(
    [
      ['tell', OWN_DIRECTORY],
      ['tell', GENERATIONS],
      ['list', '.'],
      ['tell', `${OWN_DIRECTORY}/.`],
      ['list', OWN_DIRECTORY],
      ['tell', `${GENERATIONS}/.`],
      ['list', GENERATIONS],
    ],
    options,
  )
  for (const { path, type } of told.slice(0, 2)) {
    if (type === undefined || type === 'directory') continue
    throw new BallastError(
      'REFUSED',
      `${target}/${path} is not a directory: somebody has put something else there`,
      {
        hint: 'look who may write to the volume; then remove that entry and mount again',
      },
    )
  }
  const own = told.findIndex(({ path }) => path === `${OWN_DIRECTORY}/.`)
  const placed = told.findIndex(({ path }) => path === `${GENERATIONS}/.`)
  const root = told.slice(2, own)
  const left = told.slice(own + 1, placed)
  const names = root.map(({ path }) => path).filter((path) => path !== 'lost+found')
  const isFollowing = left.some(({ path }) => [basename(STATE), basename(GENERATIONS)].includes(path))
  // What a first mount that was killed leaves: nothing but Ballast's own directory.
  const isOurs = isFollowing || (names.length === 1 && names[0] === OWN_DIRECTORY)
  const hasState = left.some(({ path, type }) => path === basename(STATE) && type === 'file')
  const bytes = hasState ? await readWhole(helper, STATE, options) : undefined
  return {
    kind: names.length === 0 ? 'empty' : isOurs ? 'following' : 'foreign',
    root: new Map(root.map(({ path, link }) => [path, link])),
    state: bytes === undefined ? { version: 1, models: {} } : decodeState(bytes, `${target}/${STATE}`),
    generations: told.slice(placed + 1).map(({ path }) => path),
    left,
    readGeneration: (id) => readGeneration(helper, id, options),
  }
}

/** Throws CONFLICT for a volume that holds what Ballast did not deliver. */
export function refuseForeign({ kind }: SeenVolume, target: string): void {
  if (kind !== 'foreign') return
  throw new BallastError('CONFLICT', `${target} is not empty, so nothing can be delivered into it`, {
    hint: 'nothing was changed; name an empty or new volume',
  })
}

async function readGeneration(
  helper: VolumeHelper,
  id: string,
  options: CallOptions,
): Promise<DeliveredTree | undefined> {
  const tree = `${GENERATIONS}/${id}`
  try {
    return await readTreeBy((path) => readWhole(helper, `${tree}/${path}`, options), tree)
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return undefined
    throw error
  }
}

const LARGEST_OWN_FILE = 64 * 1024 * 1024

/** Undefined where there is no such file. */
export async function readWhole(
  helper: VolumeHelper,
  path: string,
  options: CallOptions,
): Promise<Buffer | undefined> {
  const chunks = await helper.read(path, options)
  return chunks && readAll(chunks, LARGEST_OWN_FILE)
}

const SILENCE_MS = 3_600_000

/** Removes what those who were killed have left. */
export function sweepSteps({ left }: SeenVolume): readonly HelperStep[] {
  return left
    .filter(({ path, mtimeNs }) => {
      if (!path.startsWith(INCOMING) && !path.startsWith(TEMPORARY_LINK)) return false
      const life = lifeByName(path)
      const isSilent = Date.now() - Number(BigInt(mtimeNs) / 1_000_000n) > SILENCE_MS
      return life === 'dead' || (life !== 'alive' && isSilent)
    })
    .map(({ path }) => ['remove', `${OWN_DIRECTORY}/${path}`] as const)
}
