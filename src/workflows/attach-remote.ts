import type { CallOptions } from '../core/index.ts'
import {
  encodeMetadata,
  encodeMetrics,
  type Json,
  type Metadata,
  MODEL_METADATA,
  MODEL_METRICS,
} from '../model/index.ts'
import type { ImageAccess } from './image-places.ts'
import type { AttachedMetrics } from './metrics.ts'
import { findModel } from './pull.ts'
import { putDocument } from './put-document.ts'
import { openRemote } from './remotes.ts'

interface AtRemote {
  readonly ref: string
  readonly access: ImageAccess
}

/** Attaches metrics to a version at a registry, in a bucket or in a layout, without fetching it. Throws NOT_FOUND. */
export function attachMetricsAt(
  { metrics, ...at }: AtRemote & { readonly metrics: Json },
  options: CallOptions = {},
): Promise<AttachedMetrics> {
  const data = encodeMetrics({ time: new Date().toISOString(), by: 'attach', beside: [], metrics })
  return attachAt(at, { type: MODEL_METRICS, data }, options)
}

/** The same with what is said of it. */
export function attachStatedAt(
  { values, ...at }: AtRemote & { readonly values: Metadata['values'] },
  options: CallOptions = {},
): Promise<AttachedMetrics> {
  const data = encodeMetadata({ time: new Date().toISOString(), by: 'attach', values })
  return attachAt(at, { type: MODEL_METADATA, data }, options)
}

async function attachAt(
  { ref, access }: AtRemote,
  document: { readonly type: string; readonly data: Buffer },
  options: CallOptions,
): Promise<AttachedMetrics> {
  const remote = await openRemote(ref, access)
  const { repository, reference, at } = remote
  try {
    const subject = await findModel(remote, options)
    await putDocument(repository, { subject, document }, options)
    return { ref: at(reference), digest: subject.digest }
  } finally {
    await repository.close?.()
  }
}
