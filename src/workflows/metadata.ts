import { isDeepStrictEqual } from 'node:util'
import { BallastError, type Digest, readAll, readIfPresent } from '../core/index.ts'
import {
  decodeMetadata,
  encodeMetadata,
  encodeMetrics,
  figuresOfCard,
  frontMatterOf,
  type Json,
  LARGEST_METADATA,
  type Metadata,
  type MetadataValue,
  type MetadataValues,
  MODEL_CARD,
  MODEL_METADATA,
  MODEL_METRICS,
  mergeMetadata,
  metadataOfCard,
  metadataOfHeaders,
  parseMetadataFile,
  parseMetadataPair,
  type RepositoryName,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { StoredVersion } from './add.ts'
import { attach, type ReadOptions, readAttachments } from './attachments.ts'
import { readMetrics } from './metrics.ts'
import { findLeased } from './resolve.ts'

/** What a person says of a version on the command line. */
export interface StatedMetadata {
  /** `license=mit`. */
  readonly pairs?: readonly string[] | undefined
  /** The same of names that are the person's own: `team=nlp` is `label.team`. */
  readonly labels?: readonly string[] | undefined
  /** Of names and values, in YAML or JSON. */
  readonly file?: string | undefined
}

/** Those of the file first: what stands on the command line counts. Throws USAGE, NOT_FOUND. */
export async function readStated({
  pairs = [],
  labels = [],
  file,
}: StatedMetadata): Promise<Metadata['values']> {
  const bytes = file === undefined ? undefined : await readIfPresent(file)
  if (file !== undefined && bytes === undefined) {
    throw new BallastError('NOT_FOUND', `${file}: no such file`, { hint: 'name the file with the metadata' })
  }
  const inFile = bytes === undefined ? {} : await parseMetadataFile(bytes.toString('utf8'), file ?? '')
  const named = labels.map((label) => parseMetadataPair(`label.${label}`))
  return { ...inFile, ...Object.fromEntries([...pairs.map(parseMetadataPair), ...named]) }
}

/** Attaches what was stated to a version of the store; it stays what it is. Throws what `findVersion` throws. */
export async function attachStated(
  store: Store,
  { ref, values, by }: { readonly ref: string; readonly values: Metadata['values']; readonly by: string },
): Promise<{ readonly ref: string; readonly digest: Digest; readonly metadata: MetadataValues }> {
  await using session = await store.begin()
  const { version, number, reference } = await findLeased(store, session, ref)
  const { name } = reference
  await say({ session, name, version }, store, { by, values })
  await store.project(session)
  const metadata = mergeMetadata(await (await readMetadata(store, name))(version.digest))
  return { ref: `${name}:${number}`, digest: version.digest, metadata }
}

/**
 * Attaches to a version what its own files say of the model, headers and card, and then what was stated. What the card claims to
 * have been measured counts as its claim.
 */
export async function attachTold(
  store: Store,
  stored: StoredVersion,
  {
    headers,
    stated = {},
    by,
  }: {
    readonly headers: readonly Readonly<Record<string, string>>[]
    readonly stated?: Metadata['values'] | undefined
    readonly by: string
  },
): Promise<void> {
  const front = await frontMatterOf(await cardOf(store, stored))
  await say(stored, store, { by: 'headers', values: metadataOfHeaders(headers) })
  await say(stored, store, { by: MODEL_CARD, values: metadataOfCard(front) })
  await claim(store, stored, figuresOfCard(front))
  await say(stored, store, { by, values: stated })
}

/** What was said of the versions of a model, of each the oldest first. */
export async function readMetadata(
  store: Store,
  name: RepositoryName,
  options: ReadOptions = {},
): Promise<(version: Digest) => Promise<readonly Metadata[]>> {
  const wanted = { name, type: MODEL_METADATA, largest: LARGEST_METADATA }
  const attached = await readAttachments(store, wanted, options)
  return async (version) =>
    (await attached(version))
      .map(decodeMetadata)
      .filter((metadata) => metadata !== undefined)
      .sort((a, b) => a.time.localeCompare(b.time))
}

export interface MetadataChange {
  readonly name: string
  readonly before: MetadataValue | undefined
  readonly after: MetadataValue | undefined
}

/** What is not said alike of two versions. */
export function compareMetadata(before: MetadataValues, after: MetadataValues): readonly MetadataChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => ({ name, before: before[name], after: after[name] }))
}

/** Nothing where the same has been said by the same already. */
export async function say(
  { session, name, version: { digest } }: StoredVersion,
  store: Store,
  { by, values }: Pick<Metadata, 'by' | 'values'>,
): Promise<void> {
  if (Object.keys(values).length === 0) return
  const known = await (await readMetadata(store, name))(digest)
  const last = known.findLast((one) => one.by === by)
  if (last !== undefined && isDeepStrictEqual(last.values, values)) return
  // Behind all that was said before, whatever the clock says.
  const after = Date.parse(known.at(-1)?.time ?? '') + 1
  const time = new Date(Math.max(Date.now(), Number.isNaN(after) ? 0 : after)).toISOString()
  const data = encodeMetadata({ time, by, values })
  if (data.length > LARGEST_METADATA) {
    throw new BallastError('USAGE', 'this is more than metadata may be', {
      hint: `at most ${LARGEST_METADATA / 1024} KiB; what is longer belongs into a file of the model`,
    })
  }
  await attach(store, session, { name, subject: digest, type: MODEL_METADATA, data })
}

async function claim(
  store: Store,
  { session, name, version: { digest } }: StoredVersion,
  metrics: Json,
): Promise<void> {
  if (Object.keys(metrics).length === 0) return
  const known = await (await readMetrics(store, name))(digest)
  if (known.some((one) => one.by === MODEL_CARD && isDeepStrictEqual(one.metrics, metrics))) return
  // Before whatever was measured.
  const data = encodeMetrics({ time: new Date(0).toISOString(), by: MODEL_CARD, beside: [], metrics })
  await attach(store, session, { name, subject: digest, type: MODEL_METRICS, data })
}

/** In bytes; a longer one is passed over. */
const LARGEST_CARD = 1024 * 1024

/** Empty where there is none. */
async function cardOf(store: Store, { version }: StoredVersion): Promise<string> {
  const card = version.files.find(({ path }) => path === MODEL_CARD)
  if (card === undefined || card.size > LARGEST_CARD) return ''
  return (await readAll(store.fileContent(card).open(), LARGEST_CARD)).toString('utf8')
}
