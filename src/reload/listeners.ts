import { readFile, realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isSystemError, runsSince } from '../core/index.ts'
import {
  allContainers,
  type ContainerInfo,
  type Engine,
  findContainer,
  inspectContainer,
  inspectImage,
} from '../docker/index.ts'
import { splitReference } from '../model/index.ts'
import type { ReloadPlan } from './plan.ts'

/** One that is told of a version, and asked whether it serves it. */
export interface Listener {
  /** For messages. */
  readonly name: string
  /** The id of its container, where that is known. */
  readonly container?: string
  /** The file that has the number of its process on this host. */
  readonly pidFile?: string
}

export interface Surroundings {
  /** What paths in the plan are relative to. */
  readonly directory: string
  /** What has changed: a directory, where it is on this host, and its volume if it is one. */
  readonly target: { readonly directory: string | undefined; readonly volume?: string | undefined }
  /** Where the plan is for containers. */
  readonly engine: Engine | undefined
  readonly signal?: AbortSignal | undefined
}

/** Those that run now. Who does not run finds the version when it starts. Throws what the Engine does. */
export async function findListeners(plan: ReloadPlan, around: Surroundings): Promise<readonly Listener[]> {
  const { whom, app } = plan
  if (whom.kind === 'one') return [{ name: app === '' ? 'the application' : app }]
  if (whom.kind === 'process') {
    const pidFile = resolve(around.directory, whom.pidFile)
    return (await pidIn(pidFile)) === undefined ? [] : [{ name: app === '' ? whom.pidFile : app, pidFile }]
  }
  const { engine } = around
  if (engine === undefined) return []
  if (whom.kind === 'containers') {
    const found = await Promise.all(whom.names.map((name) => findContainer(engine, name, around)))
    return found.flatMap((one) =>
      one?.state.isRunning === true ? [{ name: one.name, container: one.id }] : [],
    )
  }
  return ofImage(engine, whom.image, around)
}

/** Undefined where there is no file, or the process that has written it runs no more: another one may have its number. */
export async function pidIn(file: string): Promise<number | undefined> {
  try {
    // Looked at before it is read: of one that is replaced meanwhile the new process counts as too young, and is found next time.
    const { mtimeMs } = await stat(file)
    const pid = Number(/^\s*([1-9]\d*)\s*$/.exec(await readFile(file, 'utf8'))?.[1])
    return Number.isNaN(pid) || !runsSince(pid, mtimeMs) ? undefined : pid
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

async function ofImage(
  engine: Engine,
  image: string,
  { target, signal }: Surroundings,
): Promise<readonly Listener[]> {
  const own = await inspectImage(engine, withTag(image), { signal })
  const directory = target.directory && (await realpath(target.directory))
  const listeners: Listener[] = []
  for (const { id, isRunning } of await allContainers(engine, { signal })) {
    if (!isRunning) continue
    const container = await inspectContainer(engine, id, { signal })
    const isSame = container.imageId === own?.id || withTag(container.image) === withTag(image)
    if (isSame && hasMounted(container, { directory, volume: target.volume })) {
      listeners.push({ name: container.name, container: id })
    }
  }
  return listeners.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The target itself, or a directory that it lies in. */
export function hasMounted(
  { mounts }: Pick<ContainerInfo, 'mounts'>,
  { directory, volume }: { readonly directory: string | undefined; readonly volume: string | undefined },
): boolean {
  return mounts.some(({ kind, name, source }) =>
    kind === 'volume'
      ? name === volume
      : kind === 'bind' && directory !== undefined && `${directory}/`.startsWith(`${source}/`),
  )
}

function withTag(image: string): string {
  const { tag, digest } = splitReference(image)
  return tag === undefined && digest === undefined ? `${image}:latest` : image
}
