import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, type ByteRange, type Content, digestOf } from '../../src/core/index.ts'
import type { ImageRepository } from '../../src/oci/index.ts'
import type { RegistryStorage } from '../../src/registry/index.ts'
import { type Fault, type Plan, spoil } from './faulty-plan.ts'

/** What is thrown instead of an answer; it may or may not have been done. */
const planned = (): BallastError => new BallastError('REMOTE', 'it fails as planned', { retryable: true })
/** For a side that nobody can interrupt, in milliseconds. */
const STALL_MS = 400

type Call = <T>(method: string, path: string, work: (fault: Fault | undefined) => Promise<T>) => Promise<T>

/** Runs each call with what the plan does to it. */
function createCall(plan: Plan): Call {
  let index = 0
  return async (method, path, work) => {
    const fault = plan({ index: index++, method, path })
    if (fault?.kind === 'status') throw planned()
    if (fault?.kind === 'delay' || fault?.kind === 'slow') await sleep(fault.ms)
    const breaks = fault?.kind === 'reset' || fault?.kind === 'stall'
    if (breaks && fault.kind === 'stall') await sleep(STALL_MS)
    if (breaks && fault.side === 'sent') throw planned()
    const result = await work(fault)
    if (breaks) throw planned()
    return result
  }
}

/**
 * A repository that fails as planned. It keeps what the port promises: manifests are never other ones than were asked for,
 * and blobs, which are not verified there, may be.
 */
export function faultyRepository(inner: ImageRepository, plan: Plan): ImageRepository {
  const call = createCall(plan)
  return {
    name: inner.name,
    scope: inner.scope,
    getManifest: (reference, options) =>
      call('getManifest', reference, () => inner.getManifest(reference, options)),
    hasBlob: (blob, options) => call('hasBlob', blob.digest, () => inner.hasBlob(blob, options)),
    mountBlob: (blob, from, options) =>
      call('mountBlob', blob.digest, () => inner.mountBlob(blob, from, options)),
    putBlob: (blob, content, options) =>
      call('putBlob', blob.digest, (fault) =>
        inner.putBlob(blob, spoilContent(content, fault, 'sent'), options),
      ),
    putManifest: (manifest, tag, options) =>
      call('putManifest', tag ?? manifest.digest, () => inner.putManifest(manifest, tag, options)),
    listTags: (options) => call('listTags', '', () => inner.listTags(options)),
    openBlob(blob, options) {
      const content = inner.openBlob(blob, options)
      return { size: content.size, open: (range) => opened(call, { path: blob.digest, content, range }) }
    },
  }
}

/** A registry's storage that fails as planned, manifests included: the client is to find out. */
export function faultyStorage(inner: RegistryStorage, plan: Plan): RegistryStorage {
  const call = createCall(plan)
  const { uploads } = inner
  return {
    resolve: (name, reference) => call('resolve', name, () => inner.resolve(name, reference)),
    getManifest: (digest) =>
      call('getManifest', digest, async (fault) => {
        const manifest = await inner.getManifest(digest)
        if (manifest === undefined) return undefined
        if (fault?.kind === 'digest') return { ...manifest, digest: digestOf('a lie') }
        return { ...manifest, bytes: spoil(manifest.bytes, fault, 'answered') }
      }),
    canonical: (digest) => call('canonical', digest, () => inner.canonical(digest)),
    nameOf: inner.nameOf,
    deleteBlob: (digest) => call('deleteBlob', digest, () => inner.deleteBlob(digest)),
    listRepositories: () => call('listRepositories', '', () => inner.listRepositories()),
    putManifest: (name, manifest, options) =>
      call('putManifest', name, () => inner.putManifest(name, manifest, options)),
    deleteManifest: (name, reference) =>
      call('deleteManifest', name, () => inner.deleteManifest(name, reference)),
    listTags: (name) => call('listTags', name, () => inner.listTags(name)),
    listManifests: (name) => call('listManifests', name, () => inner.listManifests(name)),
    openBlob: (digest, options) =>
      call('openBlob', digest, async (fault) => {
        const content = await inner.openBlob(digest, options)
        return content && spoilContent(content, fault, 'answered')
      }),
    sizes: (digests) => call('sizes', digests.join(' '), () => inner.sizes(digests)),
    uploads: {
      create: () => call('create', '', () => uploads.create()),
      size: (id) => call('size', id, () => uploads.size(id)),
      append: (id, chunks) =>
        call('append', id, (fault) => uploads.append(id, spoilChunks(chunks, fault, 'sent'))),
      commit: (id, digest) => call('commit', id, () => uploads.commit(id, digest)),
      cancel: (id) => uploads.cancel(id),
    },
    close: () => inner.close(),
  }
}

/** Each opening is a call of its own, as each try of a client is a request. */
async function* opened(
  call: Call,
  {
    path,
    content,
    range,
  }: { readonly path: string; readonly content: Content; readonly range: ByteRange | undefined },
): AsyncIterable<Uint8Array> {
  yield* await call('open', path, async (fault) => spoilContent(content, fault, 'answered').open(range))
}

function spoilContent(content: Content, fault: Fault | undefined, side: 'sent' | 'answered'): Content {
  return {
    size: fault?.kind === 'length' ? Math.max(0, content.size + fault.by) : content.size,
    open(range) {
      const asked =
        fault?.kind === 'whole'
          ? undefined
          : fault?.kind === 'range' && range !== undefined
            ? { ...range, offset: Math.max(0, range.offset + fault.by) }
            : range
      return spoilChunks(content.open(asked), fault, side)
    },
  }
}

async function* spoilChunks(
  chunks: AsyncIterable<Uint8Array>,
  fault: Fault | undefined,
  side: 'sent' | 'answered',
): AsyncIterable<Uint8Array> {
  if (fault === undefined || !('side' in fault)) return yield* chunks
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  yield spoil(Buffer.concat(parts), fault, side)
}
