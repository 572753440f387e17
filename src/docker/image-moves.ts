import type { CallOptions, Content } from '../core/index.ts'
import { contentEntry, fileEntry, TAR_END } from '../tar/index.ts'
import type { Engine } from './engine.ts'

/** What people let an Engine do with images, as `docker build`, `docker push` and `docker pull` ask for it. */

/**
 * `FROM scratch` and one COPY of the file, called `image`; by the builder that needs nothing beside the Engine. Cannot be
 * broken off: an image without a name could be left.
 */
export async function buildImage(
  engine: Engine,
  { image, file }: { readonly image: string; readonly file: Content },
): Promise<void> {
  const body = (async function* () {
    yield fileEntry('Dockerfile', 'FROM scratch\nCOPY file /file\n')
    yield* contentEntry('file', file)
    yield TAR_END
  })()
  const query = { t: image, nocache: true, rm: true, forcerm: true }
  await done(engine.messages({ method: 'POST', path: '/build', query, body }))
}

/** Without a login. */
export async function pushImage(
  engine: Engine,
  { name, tag }: { readonly name: string; readonly tag: string },
  { signal }: CallOptions = {},
): Promise<void> {
  // Older Engines want a login, and take an empty one, in the body where no header has it.
  await done(
    engine.messages({ method: 'POST', path: `/images/${name}/push`, query: { tag }, json: {}, signal }),
  )
}

/** Without a login. */
export async function pullImage(
  engine: Engine,
  { name, tag }: { readonly name: string; readonly tag: string },
  { signal }: CallOptions = {},
): Promise<void> {
  const query = { fromImage: name, tag }
  await done(engine.messages({ method: 'POST', path: '/images/create', query, signal }))
}

/** Only a failure says anything of interest. */
async function done(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
