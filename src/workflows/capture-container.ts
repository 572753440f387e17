import { mkdtemp } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BallastError,
  type CallOptions,
  discard,
  forEachLimited,
  isBallastError,
  throwIfAborted,
} from '../core/index.ts'
import { type Engine, readFromContainer, statInContainer } from '../docker/index.ts'
import { MARKER, type ParentVersion } from '../model/index.ts'
import { decodeState, STATE } from '../mount/index.ts'
import { createTarTree, type PathFilter, QUIET_MS, type Scan, WAIT_MS } from '../sources/index.ts'
import type { Session } from '../store/index.ts'
import { onlyModel } from './capture-directory.ts'
import { readFileInContainer, requireInContainer } from './container-files.ts'
import { parentByMarker } from './lineage.ts'

export interface ContainerSource {
  readonly session: Session
  readonly operand: string
  readonly id: string
  readonly path: string
  readonly filter: PathFilter
  /** Whether something may be writing there. In milliseconds, as `whenStill` has them. */
  readonly isRunning: boolean
  readonly quietMs?: number | undefined
  readonly waitMs?: number | undefined
}

export interface ContainerScan {
  readonly scan: Scan
  readonly parent: ParentVersion | undefined
}

/**
 * The files at a path of a container, taken over as one archive. Of a running one it is taken again until nothing there was
 * written to while, or shortly before, it was taken. Throws NOT_FOUND, USAGE for the root, and REFUSED for what no model can
 * hold or where the files never stand still.
 */
export async function scanContainer(
  engine: Engine,
  source: ContainerSource,
  options: CallOptions = {},
): Promise<ContainerScan> {
  const { id, operand } = source
  let found = await requireInContainer(engine, source, options)
  const state = await readFileInContainer(engine, { id, path: `${found.path}/${STATE}` }, options)
  if (state !== undefined) {
    const name = onlyModel(Object.keys(decodeState(state, `${source.path}/${STATE}`).models), operand)
    found = await requireInContainer(engine, { id, path: `${found.path}/${name}`, operand }, options)
  }
  if (found.path === '/') throw pathMissing(operand, operand)
  const marker = await readFileInContainer(engine, { id, path: `${found.path}/${MARKER}` }, options)
  const scan = await takeStill(engine, { ...source, path: found.path }, options)
  return { scan, parent: parentByMarker(marker) }
}

export function pathMissing(operand: string, example: string): BallastError {
  return new BallastError('USAGE', `which directory of ${operand} is the model?`, {
    hint: `name its path: ${example}:/app/models`,
  })
}

async function takeStill(engine: Engine, source: ContainerSource, options: CallOptions): Promise<Scan> {
  const { id, path, session, filter, isRunning, quietMs = QUIET_MS, waitMs = WAIT_MS } = source
  const deadline = performance.now() + waitMs
  for (;;) {
    throwIfAborted(options.signal)
    const directory = await mkdtemp(join(session.directory, 'container-'))
    try {
      const begun = isRunning ? await clockOf(engine, options) : 0n
      const tree = createTarTree({ directory, root: basename(path), absolute: path })
      await tree.take(await readFromContainer(engine, { id, path }, options), options)
      const scan = await tree.scan(filter)
      if (isRunning)
        await refuseWritten(engine, { ...source, scan, since: begun - BigInt(quietMs) * 1_000_000n }, options)
      return scan
    } catch (error) {
      await discard(directory)
      const passes = isBallastError(error) && error.retryable && performance.now() < deadline
      if (!passes) throw error
    }
    await sleep(Math.max(quietMs / 2, 200), undefined, options.signal && { signal: options.signal }).catch(
      () => undefined,
    )
  }
}

const LOOKS_AT_ONCE = 8

/** Throws REFUSED (retryable) for a file that was written to since then, and for a directory in which one came or went. */
async function refuseWritten(
  engine: Engine,
  {
    id,
    path,
    scan,
    since,
  }: Pick<ContainerSource, 'id' | 'path'> & { readonly scan: Scan; readonly since: bigint },
  options: CallOptions,
): Promise<void> {
  const places = new Set([path])
  for (const file of scan.files) {
    const parts = file.path.split('/')
    for (let depth = 1; depth <= parts.length; depth++)
      places.add(`${path}/${parts.slice(0, depth).join('/')}`)
  }
  const look = async (place: string, signal: AbortSignal): Promise<void> => {
    // A single file is the whole of what was named.
    const info = await statInContainer(engine, { id, path: place }, { signal })
    if (info === undefined && place !== `${path}/${basename(path)}`) throw beingWritten(place)
    if (info !== undefined && info.mtimeNs !== '' && BigInt(info.mtimeNs) >= since) throw beingWritten(place)
  }
  await forEachLimited([...places], LOOKS_AT_ONCE, look, options.signal)
}

function beingWritten(place: string): BallastError {
  return new BallastError('REFUSED', `${place} is being written in the container`, {
    hint: 'run the command again when it is whole, wait longer (--wait SECONDS), leave it out (--exclude), or stop the container',
    retryable: true,
  })
}

/** Of the Engine's host, in nanoseconds: its files have their times by it. */
async function clockOf(engine: Engine, { signal }: CallOptions): Promise<bigint> {
  const { SystemTime } = await engine.call<{ readonly SystemTime?: string }>({ path: '/info', signal })
  const time = Date.parse(SystemTime ?? '')
  return BigInt(Number.isNaN(time) ? Date.now() : time) * 1_000_000n
}
