import type { CallOptions, Digest } from '../core/index.ts'
import { type Descriptor, parseJson, splitReference, subjectOfManifest } from '../model/index.ts'
import { type ArchiveRepository, openArchive } from './archive-repository.ts'
import type { ImageRepository } from './image-repository.ts'

/** A tar with models under their names, as `createBundle` or another tool writes it. */
export interface Bundle {
  /** The models' names, sorted; none of what has a mere tag. */
  readonly models: readonly string[]
  /** Versions of that model under its tags, and what is attached to them. */
  repository(model: string): ImageRepository
  /** All of it, by whatever names there are. */
  readonly archive: ArchiveRepository
}

/** Throws what `openArchive` throws. */
export async function openBundle(path: string, options: CallOptions = {}): Promise<Bundle> {
  const archive = await openArchive(path, options)
  const tags = new Map<string, Map<string, Digest>>()
  for (const { names, digest } of archive.manifests) {
    for (const each of names) {
      const { name, tag } = splitReference(each)
      if (tag === undefined) continue
      const ofModel = tags.get(name) ?? new Map<string, Digest>()
      tags.set(name, ofModel.set(tag, digest))
    }
  }
  const attached = attachedIn(archive)
  return {
    archive,
    models: [...tags.keys()].sort(),
    repository: (model) => ({
      ...archive,
      name: `${archive.name}:${model}`,
      getManifest(reference, options) {
        const digest = tags.get(model)?.get(reference)
        return archive.getManifest(
          digest ?? (reference.startsWith('sha256:') ? reference : `${model}:${reference}`),
          options,
        )
      },
      listTags: async () => [...(tags.get(model)?.keys() ?? [])].sort(),
      referrers: {
        list: async (subject, options) => (await attached(options)).get(subject) ?? [],
        put: (manifest, options) => archive.putManifest(manifest, undefined, options),
      },
    }),
  }
}

/** By their subjects. They have no names in the index. */
function attachedIn(
  archive: ArchiveRepository,
): (options?: CallOptions) => Promise<ReadonlyMap<Digest, readonly Descriptor[]>> {
  let found: Promise<ReadonlyMap<Digest, readonly Descriptor[]>> | undefined
  async function find(options: CallOptions | undefined): Promise<ReadonlyMap<Digest, readonly Descriptor[]>> {
    const bySubject = new Map<Digest, Descriptor[]>()
    for (const { names, digest } of archive.manifests) {
      const manifest = names.length > 0 ? undefined : await archive.getManifest(digest, options)
      const subject = manifest && subjectOfManifest(manifest.bytes)
      if (manifest === undefined || subject === undefined) continue
      const { artifactType } = parseJson(manifest.bytes) ?? {}
      const descriptor = {
        ...{ mediaType: manifest.mediaType, digest, size: manifest.bytes.length },
        ...(typeof artifactType === 'string' && { artifactType }),
      }
      bySubject.set(subject, [...(bySubject.get(subject) ?? []), descriptor])
    }
    return bySubject
  }
  return (options) => {
    found ??= find(options)
    return found
  }
}
