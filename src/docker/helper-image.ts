import { BallastError, type CallOptions, digestOf, shortDigest } from '../core/index.ts'
import { directoryEntry, fileEntry, TAR_END } from '../tar/index.ts'
import type { Engine } from './engine.ts'
import { HELPER_BINARIES } from './helper/binaries.ts'
import { inspectImage } from './images.ts'

const NAME = 'ballast-volume-helper'
/** Of the containers by which Ballast gets at volumes. */
export const HELPER_LABEL = 'dev.ballast.helper'
/** In the image, whose root holds nothing else. */
export const HELPER_PROGRAM = '/helper'
export const HELPER_VOLUME = '/volume'

/** The image is made in the Engine from a program of a few kilobytes; nothing is pulled. Throws REFUSED for other platforms. */
export async function ensureHelperImage(engine: Engine, { signal }: CallOptions = {}): Promise<string> {
  const { platform } = await engine.info()
  const [system, architecture = ''] = platform.split('/')
  const program = HELPER_BINARIES[architecture]
  if (system !== 'linux' || program === undefined) {
    throw new BallastError('REFUSED', `the Engine is for ${platform}, where volumes are not written to`, {
      hint: 'mount into a directory instead: ballast mount REF ./models',
    })
  }
  const root = rootFileSystem(Buffer.from(program, 'base64'))
  // By its content, so that another Ballast makes another one.
  const tag = shortDigest(digestOf(root))
  const image = `${NAME}:${tag}`
  if ((await inspectImage(engine, image, { signal })) !== undefined) return image
  const query = { fromSrc: '-', repo: NAME, tag, platform }
  const body = (async function* () {
    yield root
  })()
  for await (const _ of engine.messages({ method: 'POST', path: '/images/create', query, body, signal })) {
    // Only a failure says anything of interest.
  }
  return image
}

function rootFileSystem(program: Buffer): Buffer {
  return Buffer.concat([
    fileEntry(HELPER_PROGRAM.slice(1), program, 0o755),
    directoryEntry(HELPER_VOLUME.slice(1)),
    TAR_END,
  ])
}
