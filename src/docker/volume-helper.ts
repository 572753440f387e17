import { BallastError, type CallOptions, lifeByName, readAll, temporaryName } from '../core/index.ts'
import { fileEntry, readTarBodies, TAR_END } from '../tar/index.ts'
import {
  createContainer,
  listContainers,
  readFromContainer,
  removeContainer,
  runContainer,
  statInContainer,
  writeToContainer,
} from './containers.ts'
import type { Engine } from './engine.ts'
import { ensureHelperImage, HELPER_LABEL, HELPER_PROGRAM, HELPER_VOLUME } from './helper-image.ts'

/** One of the steps that helper/volume-helper.c lists, with its words; paths are relative to the volume. */
export type HelperStep =
  | readonly ['lock' | 'directory?' | 'mkdir' | 'remove' | 'tell' | 'list', path: string]
  | readonly ['link?' | 'unlink', path: string, text: string]
  | readonly ['rename', from: string, to: string]
  | readonly ['link', text: string, path: string, temporary: string]
  | readonly ['sync']

/** What stands at a path. `size` in bytes; `mtimeNs` and `inode` as text, because they exceed what a double holds. */
export interface ToldPath {
  readonly path: string
  readonly type: 'directory' | 'file' | 'symlink' | 'other' | undefined
  readonly size: string
  readonly mtimeNs: string
  readonly inode: string
  /** Of a symlink. */
  readonly link: string
}

/** A container that has a volume and nothing else. It runs only while it takes steps. */
export interface VolumeHelper {
  readonly id: string
  /** Where the volume is in it. */
  readonly root: string
  /** Takes the steps in order. Throws CONFLICT where one finds something else than it was told to, DISK where one fails. */
  run(steps: readonly HelperStep[], options?: CallOptions): Promise<readonly ToldPath[]>
  /** The file's bytes; undefined where there is none. */
  read(path: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Unpacks a tar into a directory of the volume. */
  write(path: string, tar: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<void>
}

const LARGEST_OUTPUT = 64 * 1024 * 1024
const SILENCE_S = 3600

/** Makes the container, and removes it when the work is done or has failed; also those of processes that were killed. */
export async function withVolumeHelper<T>(
  engine: Engine,
  { volume, signal }: CallOptions & { readonly volume: string },
  work: (helper: VolumeHelper) => Promise<T>,
): Promise<T> {
  await removeAbandonedHelpers(engine)
  const image = await ensureHelperImage(engine, { signal })
  const id = await createContainer(
    engine,
    {
      image,
      // Says which process it belongs to.
      name: `ballast-helper${temporaryName()}`,
      command: [HELPER_PROGRAM],
      labels: { [HELPER_LABEL]: '1' },
      volumes: [{ name: volume, destination: HELPER_VOLUME }],
      user: '0:0',
    },
    { signal },
  )
  try {
    return await work({
      id,
      root: HELPER_VOLUME,
      run: (steps, options = {}) => runSteps(engine, { id, volume, steps }, options),
      read: (path, options = {}) => readOne(engine, { id, path: `${HELPER_VOLUME}/${path}` }, options),
      write: (path, tar, options = {}) =>
        writeToContainer(engine, { id, path: `${HELPER_VOLUME}/${path}`, tar }, options),
    })
  } finally {
    await removeContainer(engine, id)
  }
}

/** Of a process on another host nobody here can say whether it lives: then age decides. */
async function removeAbandonedHelpers(engine: Engine): Promise<void> {
  for (const { id, name, created } of await listContainers(engine, HELPER_LABEL)) {
    const life = lifeByName(name)
    const isOld = Date.now() / 1000 - created > SILENCE_S
    if (life === 'dead' || (life !== 'alive' && isOld)) await removeContainer(engine, id)
  }
}

const LETTERS = {
  lock: 'K',
  'link?': 'T',
  'directory?': 'F',
  mkdir: 'M',
  rename: 'R',
  link: 'L',
  unlink: 'N',
  remove: 'D',
  sync: 'S',
  tell: 'I',
  list: 'E',
} as const

const FOUND_OTHERWISE = 3

async function runSteps(
  engine: Engine,
  {
    id,
    volume,
    steps,
  }: { readonly id: string; readonly volume: string; readonly steps: readonly HelperStep[] },
  options: CallOptions,
): Promise<readonly ToldPath[]> {
  const words = steps.flatMap(([name, ...rest]) => [LETTERS[name], ...rest])
  const script = Buffer.from(words.map((word) => `${word}\0`).join(''))
  await writeToContainer(engine, { id, path: '/', tar: single('script', script) }, options)
  const code = await runContainer(engine, id, options)
  const told = await outputOf(engine, id, options)
  if (code === 0) return decode(told)
  if (code === FOUND_OTHERWISE) {
    throw new BallastError('CONFLICT', `the volume ${volume} was changed by somebody else meanwhile`, {
      hint: 'run the command again',
      retryable: true,
    })
  }
  const [letter = '', path = '', number = ''] = told.slice(told.lastIndexOf('!') + 1)
  const step = Object.entries(LETTERS).find(([, known]) => known === letter)?.[0] ?? 'the helper'
  throw new BallastError(
    'DISK',
    `in the volume ${volume}: ${step} ${path} failed (error ${number || code})`,
    {
      hint: 'errors are those of Linux: 28 no space, 30 read-only, 13 permission denied (errno -l)',
    },
  )
}

async function readOne(
  engine: Engine,
  place: { readonly id: string; readonly path: string },
  options: CallOptions,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const found = await statInContainer(engine, place, options)
  if (found?.type !== 'file') return undefined
  const entries = readTarBodies(await readFromContainer(engine, place, options))[Symbol.asyncIterator]()
  const first = await entries.next()
  return first.done === true ? undefined : bodyAlone(first.value.body, entries)
}

async function* bodyAlone(
  body: AsyncIterable<Uint8Array>,
  entries: AsyncIterator<unknown>,
): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } finally {
    await entries.return?.()
  }
}

async function outputOf(engine: Engine, id: string, options: CallOptions): Promise<readonly string[]> {
  for await (const { body } of readTarBodies(
    await readFromContainer(engine, { id, path: '/output' }, options),
  )) {
    return (await readAll(body, LARGEST_OUTPUT)).toString('utf8').split('\0').slice(0, -1)
  }
  return []
}

const TYPES: Readonly<Record<string, ToldPath['type']>> = {
  d: 'directory',
  f: 'file',
  l: 'symlink',
  o: 'other',
}

function decode(words: readonly string[]): readonly ToldPath[] {
  const told: ToldPath[] = []
  for (let at = 0; at + 6 <= words.length; at += 6) {
    const [path = '', type = '', size = '', mtimeNs = '', inode = '', link = ''] = words.slice(at, at + 6)
    told.push({ path, type: TYPES[type], size, mtimeNs, inode, link })
  }
  return told
}

async function* single(path: string, bytes: Buffer): AsyncIterable<Uint8Array> {
  yield Buffer.concat([fileEntry(path, bytes), TAR_END])
}
