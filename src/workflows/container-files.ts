import { BallastError, type CallOptions, isBallastError, readAll } from '../core/index.ts'
import { type Engine, type PathInfo, readFromContainer, statInContainer } from '../docker/index.ts'
import { readTar, readTarBodies, type TarEntry } from '../tar/index.ts'

/** A container, running or not, and an absolute path in it. */
export interface ContainerPath {
  readonly id: string
  readonly path: string
}

export interface FoundPath extends PathInfo {
  /** Without links. */
  readonly path: string
}

/** What the path ends at, links followed as in the container; undefined where nothing is. */
export async function findInContainer(
  engine: Engine,
  { id, path }: ContainerPath,
  options: CallOptions = {},
): Promise<FoundPath | undefined> {
  const found = await statInContainer(engine, { id, path }, options)
  if (found?.type !== 'symlink') return found && { ...found, path }
  // The Engine has resolved all links of it.
  const target = await statInContainer(engine, { id, path: found.link }, options)
  return target === undefined || target.type === 'symlink' ? undefined : { ...target, path: found.link }
}

/** What Ballast writes beside a model is no larger. */
const LARGEST_FILE = 64 * 1024 * 1024

/** Undefined where there is no file. */
export async function readFileInContainer(
  engine: Engine,
  place: ContainerPath,
  options: CallOptions = {},
): Promise<Buffer | undefined> {
  const found = await findInContainer(engine, place, options)
  if (found?.type !== 'file') return undefined
  for await (const { body } of readTarBodies(
    await readFromContainer(engine, { ...place, path: found.path }, options),
  )) {
    return readAll(body, LARGEST_FILE)
  }
  return undefined
}

/** What stands in a directory: by name, what a link leads to, and an empty text for what is no link. Reads all that is below it. */
export async function rootInContainer(
  engine: Engine,
  place: ContainerPath,
  options: CallOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const root = new Map<string, string>()
  for await (const { path, type, link = '' } of readTar(await readFromContainer(engine, place, options))) {
    const [, name, ...below] = path.split('/')
    if (name !== undefined && below.length === 0) root.set(name, type === 'symlink' ? link : '')
  }
  return root
}

/** Mode and owner of exactly what is at the path, as they are in the container; undefined where nothing is. */
export async function headerInContainer(
  engine: Engine,
  place: ContainerPath,
  options: CallOptions = {},
): Promise<TarEntry | undefined> {
  try {
    for await (const { entry } of readTarBodies(await readFromContainer(engine, place, options))) return entry
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
  }
  return undefined
}

/** Throws NOT_FOUND. */
export async function requireInContainer(
  engine: Engine,
  { operand, ...place }: ContainerPath & { readonly operand: string },
  options: CallOptions = {},
): Promise<FoundPath> {
  const found = await findInContainer(engine, place, options)
  if (found !== undefined) return found
  throw new BallastError('NOT_FOUND', `there is no ${place.path} in ${operand}`, {
    hint: 'name the path of the model as the container sees it',
  })
}
