import { type CallOptions, type Digest, readAll, verified } from '../core/index.ts'
import { attachedBy, decodeMetrics, LARGEST_METRICS, type Metrics, MODEL_METRICS } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { attachedAt } from './carry-attachments.ts'
import { signaturesAt } from './remote-signatures.ts'
import { readSigned } from './signatures.ts'
import type { StagePlace } from './stage-place.ts'

export interface DocumentKind<T> {
  readonly type: string
  /** In bytes; a larger one is left out. */
  readonly largest: number
  /** Undefined for what is none, which is left out. */
  readonly decode: (data: Buffer) => T | undefined
}

export const METRICS_KIND: DocumentKind<Metrics> = {
  type: MODEL_METRICS,
  largest: LARGEST_METRICS,
  decode: decodeMetrics,
}

export interface ReadDocumentsOptions extends CallOptions {
  /** Of one whose bytes cannot be had: it is left out, or this throws. Without it, the reading throws. */
  readonly onUnreadable?: (error: unknown) => undefined
}

/** The documents of a kind that are attached to a version at a remote, the oldest first. */
export async function readDocumentsAt<T extends { readonly time: string }>(
  repository: ImageRepository,
  { subject, kind }: { readonly subject: Digest; readonly kind: DocumentKind<T> },
  { onUnreadable, ...options }: ReadDocumentsOptions = {},
): Promise<readonly T[]> {
  const { type, largest, decode } = kind
  const manifests = await attachedAt(repository, subject, { ...options, type })
  const layers = manifests.flatMap(({ bytes }) => attachedBy(bytes, type) ?? [])
  const read = (layer: (typeof layers)[number]): Promise<Buffer | undefined> =>
    readAll(verified(repository.openBlob(layer, options).open(), layer), largest).catch(onUnreadable)
  const found = await Promise.all(layers.filter(({ size }) => size <= largest).map(read))
  return found
    .map((data) => data && decode(data))
    .filter((document) => document !== undefined)
    .sort((a, b) => a.time.localeCompare(b.time))
}

/** What is attached to versions at a remote, as far as policies ask for it. */
export function documentsAt(repository: ImageRepository): Pick<StagePlace, 'signed' | 'metrics'> {
  return {
    signed: (subject, options) => readSigned(signaturesAt(repository), subject, options),
    metrics: (subject, options) => readDocumentsAt(repository, { subject, kind: METRICS_KIND }, options),
  }
}
