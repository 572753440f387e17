import { resolve } from 'node:path'
import { BallastError, type CallOptions } from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import { parseOperand, parseReference } from '../model/index.ts'
import { linkedNames, linkedVersion, readRoot, requireFollowing } from '../mount/index.ts'
import { withEngine } from './engine-access.ts'
import type { ReloadTask } from './mount-reload-told.ts'
import { requireApp } from './read-app-file.ts'
import { openVolume } from './volume-place.ts'

/** One link of a target whose variants are looked at or changed. */
export interface VariantsPlace {
  /** As it was named, or as `ballast.yaml` names it: a directory, or `volume:NAME`. */
  readonly operand: string
  /** A directory of this host. */
  readonly target: string
  readonly link: string
}

export interface PlaceRequest {
  /** A directory, `volume:NAME`, or an application of the `ballast.yaml` in `directory`. */
  readonly operand: string
  /** Which link, where the target has several. */
  readonly as?: string | undefined
  readonly directory: string
}

export type VariantsCall = CallOptions & {
  readonly engine: EngineChoice
  /** How the applications of a target are told; undefined where none is to be. Nobody is without it. */
  readonly reloadOf?:
    | ((of: { readonly ref: string; readonly target: string }) => Promise<ReloadTask | undefined>)
    | undefined
}

/** Throws USAGE, NOT_FOUND, and REFUSED for a volume that only containers get at. */
export async function findVariantsPlace(
  { operand, as, directory }: PlaceRequest,
  options: VariantsCall,
): Promise<VariantsPlace> {
  const { place, models } = await placeOf(operand, directory)
  const target = await directoryOf(place, { directory, ...options })
  await requireFollowing(target)
  const links = linkedNames(await readRoot(target))
  if (as !== undefined) return { operand: place, target, link: as }
  const [only, ...others] = links.length < 2 ? links : await linksOf(target, { links, models })
  if (only !== undefined && others.length === 0) return { operand: place, target, link: only }
  if (links.length === 0) {
    throw new BallastError('NOT_FOUND', `${target} holds no model yet`, {
      hint: `to deliver one: ballast mount REF ${target} --follow --once`,
    })
  }
  throw new BallastError('USAGE', `${target} holds several models: ${links.join(', ')}`, {
    hint: 'say which one by the name of its link: --as NAME',
  })
}

async function linksOf(
  target: string,
  { links, models }: { readonly links: readonly string[]; readonly models: readonly string[] },
): Promise<readonly string[]> {
  if (models.length === 0) return links
  const found: string[] = []
  for (const link of links) if (models.includes((await linkedVersion(target, link)).model)) found.push(link)
  return found
}

/** A directory or volume as it is written, and the models of the application that was named. */
async function placeOf(
  operand: string,
  directory: string,
): Promise<{ readonly place: string; readonly models: readonly string[] }> {
  const { kind } = parseOperand(operand)
  if (kind === 'path' || kind === 'volume') return { place: operand, models: [] }
  if (kind !== 'name') {
    throw new BallastError('USAGE', `${operand} is neither a directory nor an application`, {
      hint: 'a split is of a mounted model; of embedded ones there is one image a variant: ballast embed REF IMAGE -t IMAGE:VARIANT',
    })
  }
  const { app, targets } = await requireApp(directory, operand)
  const models = app.models.map(({ ref }) => parseReference(ref).name as string)
  const places = targets.filter(({ ref }) => models.includes(parseReference(ref).name)).map(({ to }) => to)
  const [only, ...others] = new Set(places)
  if (only !== undefined && others.length === 0) return { place: only, models }
  throw new BallastError(
    only === undefined ? 'NOT_FOUND' : 'USAGE',
    only === undefined
      ? `no target of ballast.yaml has a model of ${operand}`
      : `${operand} has its models in several targets: ${[only, ...others].join(', ')}`,
    { hint: 'name the directory in place of the application: ./models' },
  )
}

async function directoryOf(
  place: string,
  { directory, engine: choice, ...options }: VariantsCall & { readonly directory: string },
): Promise<string> {
  const operand = parseOperand(place)
  if (operand.kind !== 'volume') return resolve(directory, place)
  const opened = await withEngine(choice, (engine) =>
    openVolume(engine, { name: operand.text, use: 'write' }, options),
  )
  if (opened.directory !== undefined) return opened.directory
  throw new BallastError('REFUSED', `${place} cannot be reached from here, so it cannot be split`, {
    hint: 'run the command as a user who may write to the volume, on the host of its Engine',
  })
}
