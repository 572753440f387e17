import { resolve } from 'node:path'
import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { formerImages, idOf, noImage, readImage } from '../embed/index.ts'
import { hasVersion, isBucketAddress, LATEST, parseOperand } from '../model/index.ts'
import { type Followed, inspectTarget, recordsOf, seeTarget } from '../mount/index.ts'
import { type EmbeddedModel, type ImageRepository, isReferrersTag, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { type ImageAccess, type OpenedImage, openImage } from './image-places.ts'
import { readLineages } from './lineage.ts'
import { interleave, type Move } from './moves.ts'
import { hintAtImage, parseModelReference, requireName, resolveDigest } from './resolve.ts'
import { engineOf } from './run-request.ts'
import { variantMoves, volumeVariantMoves } from './variant-moves.ts'
import { volumeRecords } from './volume-records.ts'

export type HistoryOptions = CallOptions & { readonly access: ImageAccess }

/** The moves of a model's tags, the images that a tag has pointed to, or what a mounted directory or volume has led to. Oldest first. */
export async function history(
  store: Store,
  operand: string,
  options: HistoryOptions,
): Promise<readonly Move[]> {
  const parsed = parseOperand(operand)
  const { kind } = parsed
  if (kind === 'path') return targetHistory(resolve(operand))
  if (kind === 'volume') {
    const { access, ...calls } = options
    const engine = engineOf(access)
    const ofLinks = movesOfLinks(await volumeRecords(engine, parsed.text, calls))
    return interleaved(ofLinks, await volumeVariantMoves(engine, parsed.text, calls))
  }
  if (kind === 'registry' || kind === 'image' || kind === 'layout' || kind === 'archive')
    return imageHistory(store, operand, options)
  if (isBucketAddress(operand)) {
    const { access, ...calls } = options
    return (await import('./bucket-history.ts')).bucketHistory(operand, access, calls)
  }
  return modelHistory(store, operand).catch(hintAtImage(operand))
}

/** The moves of one tag (`NAME:TAG`), or of all of a model's tags (`NAME`), oldest first. */
async function modelHistory(store: Store, text: string): Promise<readonly Move[]> {
  const reference = parseModelReference(text)
  await requireName(store, reference.name)
  const all = (await store.records.listTagNames(reference.name)).filter((tag) => !isReferrersTag(tag))
  const tags = hasVersion(text) ? [reference.tag ?? LATEST] : all
  const versions = await store.records.listVersions(reference.name)
  const numbers = new Map(versions.map(({ digest, number }) => [digest, number]))
  const lineages = await readLineages(store, reference.name)
  const logs: Move[][] = []
  for (const tag of tags) {
    const log: Move[] = []
    for (const { record } of await store.records.history(reference.name, tag)) {
      const digest = record.digest ?? undefined
      const number = digest && numbers.get(digest)
      const lineage = digest && (await lineages(digest)).at(-1)
      const move = { time: record.time, tag: `${reference.name}:${tag}`, by: record.by, digest, number }
      const { promotion } = record
      log.push({ ...move, ...(lineage && { lineage }), ...(promotion && { promotion }) })
    }
    logs.push(log)
  }
  if (logs.every((log) => log.length === 0)) await resolveDigest(store, reference)
  return interleave(logs)
}

/** A registry keeps no times; the order is that of the tags `<tag>.was-<n>`, and the tag itself comes last. */
async function imageHistory(
  store: Store,
  operand: string,
  { access, ...options }: HistoryOptions,
): Promise<readonly Move[]> {
  const { repository, reference } = await openImage(operand, access, { store })
  try {
    const { stageMoves } = await import('./stage-history.ts')
    const promoted = await stageMoves({ repository, reference }, options)
    if (promoted !== undefined) return promoted
    return await movesOf({ repository, reference }, options)
  } finally {
    await repository.close?.()
  }
}

async function movesOf(
  { repository, reference }: Pick<OpenedImage, 'repository' | 'reference'>,
  options: CallOptions,
): Promise<readonly Move[]> {
  const former = (await formerImages(repository, reference, options)).map(({ tag }) => tag)
  const moves: Move[] = []
  for (const tag of [...former, reference]) {
    const manifest = await repository.getManifest(tag, options)
    if (manifest === undefined && tag === reference) throw noImage(repository, reference)
    if (manifest === undefined) continue
    const models = await modelsOf(repository, tag, options)
    const by = models.map(({ model, number }) => `${model}:${number}`).join(', ')
    const number = models.length === 1 ? models[0]?.number : undefined
    moves.push({
      time: '',
      tag,
      by: by === '' ? 'no model' : `embed ${by}`,
      digest: await idOf(repository, manifest),
      number,
    })
  }
  return moves
}

/** The models that an image says it holds, those of one platform for all; none where it cannot be told. */
export async function modelsOf(
  repository: ImageRepository,
  reference: string,
  options: CallOptions,
): Promise<readonly EmbeddedModel[]> {
  try {
    return readLabel((await readImage(repository, { reference }, options)).config)
  } catch (error) {
    if (isBallastError(error, 'REFUSED') || isBallastError(error, 'DAMAGED')) return []
    throw error
  }
}

async function targetHistory(target: string): Promise<readonly Move[]> {
  if ((await inspectTarget(target)).kind !== 'following') {
    throw new BallastError('NOT_FOUND', `${target} follows no tag, so it has no history`, {
      hint: 'only targets mounted with --follow change their version',
    })
  }
  const ofLinks = movesOfLinks(await recordsOf(await seeTarget(target)))
  return interleaved(ofLinks, await variantMoves(target))
}

/** Without variants, each link's moves stay together. */
function interleaved(ofLinks: readonly Move[], ofVariants: readonly (readonly Move[])[]): readonly Move[] {
  return ofVariants.length === 0 ? ofLinks : interleave([ofLinks, ...ofVariants])
}

function movesOfLinks(records: ReadonlyMap<string, Followed>): readonly Move[] {
  return [...records].flatMap(([name, { generations }]) =>
    generations.map(({ time, by, digest, number, proof }) => ({
      ...{ time, tag: name, by, digest, number },
      ...(proof && { proof }),
    })),
  )
}
