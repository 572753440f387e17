import {
  BallastError,
  type CallOptions,
  type Content,
  createQueue,
  type Digest,
  isBallastError,
  isDigest,
} from '../core/index.ts'
import { type BlobUpload, hostedName, type ImageRepository } from '../oci/index.ts'
import type { Engine } from './engine.ts'
import { createEngineImages } from './engine-images.ts'
import { createEngineWriter, idOfManifest } from './engine-writer.ts'
import type { ImageMemory } from './image-memory.ts'
import {
  type EngineImage,
  inspectImage,
  listImages,
  runningContainers,
  tagImage,
  untagImage,
} from './images.ts'

export interface EngineRepositoryOptions {
  /** As Docker writes it: `my_ml_app`, `team/app`. */
  readonly name: string
  readonly memory: ImageMemory
}

/**
 * The images of one name in an Engine (design, "Embed with an Engine"). One is read by having it saved whole into a
 * temporary file, when a layer is opened or an image is described that `memory` does not know. One is written as an
 * archive that is made while the Engine loads it, without the layers that the Engine has, where its store allows that.
 * Blobs are there only as parts of images: none is put before `whole.begin` has named the image. `close` removes what was
 * saved, breaks off what is being sent and closes the Engine.
 */
export function openEngineRepository(
  engine: Engine,
  { name, memory }: EngineRepositoryOptions,
): ImageRepository {
  const images = createEngineImages(engine, memory)
  let full: Promise<string> | undefined
  const fullName = (): Promise<string> => {
    full ??= nameIn(engine, name)
    return full
  }
  const writer = createEngineWriter(engine, fullName)
  const inTurn = createQueue()
  // One elsewhere may have the layer, and to send it for nothing takes longer than to hash it first.
  const isOnThisHost = 'socketPath' in engine.endpoint.connect

  async function find(
    reference: string,
    { signal }: Pick<CallOptions, 'signal'>,
  ): Promise<EngineImage | undefined> {
    const operand = `${await fullName()}${isDigest(reference) ? '@' : ':'}${reference}`
    return inspectImage(engine, operand, { signal })
  }

  async function addTag(id: Digest, tag: string, { signal }: Pick<CallOptions, 'signal'>): Promise<void> {
    await tagImage(engine, id, { name: await fullName(), tag, signal })
  }

  /** In the archive that is being loaded, where what nobody names stays unused. */
  function beginLayer(content: Content, options: CallOptions = {}): BlobUpload {
    const entry = inTurn(() => writer.putUnknown(content, options)).catch(() => undefined)
    let isSettled = false
    return {
      sent: entry.then((name) => name !== undefined),
      async finish(blob) {
        const name = await entry
        if (name === undefined || content.size !== blob.size) return false
        writer.settle(name, blob)
        isSettled = true
        return true
      },
      async cancel() {
        if (!isSettled) await writer.abort()
        await entry
      },
    }
  }

  return {
    name,
    scope: `engine:${engine.endpoint.url}`,
    async getManifest(reference, options = {}) {
      const known = isDigest(reference) ? await images.findManifest(reference, options) : undefined
      if (known !== undefined) return known
      const found = await find(reference, options)
      return found && images.describe(found.id, options)
    },
    openBlob: (blob, options = {}) => images.openBlob(blob, options),
    hasBlob: async (blob) => writer.has(blob),
    mountBlob: async () => false,
    putBlob: (blob, content, options = {}) => inTurn(() => writer.put(blob, content, options)),
    ...(isOnThisHost && { beginBlob: beginLayer }),
    putManifest: (manifest, tag = 'latest', { signal } = {}) =>
      inTurn(async () => {
        const id = await idOfManifest(engine, manifest)
        if (!(await writer.finish(manifest, tag))) {
          await addTag(id, tag, { signal })
          return
        }
        const loaded = await find(tag, { signal })
        if (loaded?.id !== id) throw loadedAnother(`${name}:${tag}`, loaded?.id)
        const image = writer.finished()
        if (image !== undefined) await images.remember(id, image)
      }),
    async listTags(options = {}) {
      const prefix = `${await fullName()}:`
      const tags = (await listImages(engine, options)).flatMap((image) => image.tags)
      const own = tags.filter((tag) => tag.startsWith(prefix))
      return [...new Set(own.map((tag) => tag.slice(prefix.length)))].sort()
    },
    async deleteTag(tag, { signal } = {}) {
      try {
        await untagImage(engine, { name: await fullName(), tag, signal })
        return true
      } catch (error) {
        if (isBallastError(error, 'NOT_FOUND')) return false
        if (!isBallastError(error, 'CONFLICT')) throw error
        // With its last name an image goes as a whole, unless a container needs it.
        throw new BallastError('REMOTE', error.message, { cause: error })
      }
    },
    onePlatform: true,
    whole: {
      begin: (image, options = {}) => inTurn(() => writer.begin(image, options)),
      find: async (tag, options = {}) => (await find(tag, options))?.id,
      idOf: (manifest) => idOfManifest(engine, manifest),
      addTag: (id, tag, options = {}) => addTag(id, tag, options),
      runningFrom: (id, options = {}) => runningContainers(engine, id, options),
      ifMissing:
        'docker image ls shows the images of the Engine; one in a registry is named with its host, as localhost:5000/my_ml_app:latest',
    },
    async close() {
      await writer.abort()
      await images.close()
      engine.close()
    },
  }
}

/**
 * What the Engine itself calls a plain name. Podman has a host before each, another one by `podman build` than by this
 * API: the one that is there already is meant, so that a name does not come to lead to two images.
 */
async function nameIn(engine: Engine, name: string): Promise<string> {
  if ((await engine.info()).kind !== 'podman') return name
  const own = `localhost/${name}`
  const tags = (await listImages(engine)).flatMap((image) => image.tags)
  const there = [own, hostedName(name)].find((each) => tags.some((tag) => tag.startsWith(`${each}:`)))
  return there ?? own
}

function loadedAnother(name: string, id: Digest | undefined): BallastError {
  return new BallastError('REMOTE', `the Engine loaded the image, but ${name} is ${id ?? 'not there'}`, {
    hint: 'if somebody else gave the name to another image meanwhile, run the command again',
  })
}
