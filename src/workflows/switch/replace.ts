import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, isBallastError, throwIfAborted } from '../../core/index.ts'
import {
  type ContainerCopy,
  copyContainer,
  dropContainer,
  type Engine,
  findContainer,
  makeContainer,
  readContainer,
  renameContainer,
  startContainer,
  stopContainer,
} from '../../docker/index.ts'
import { objectOf } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { checkContainer } from '../check-container.ts'
import type { Brought } from './bring.ts'
import { FORMER, formatMark, NEW, readMark, SWITCH_LABEL } from './marks.ts'
import { waitUntilReady } from './ready.ts'
import type { Replica } from './replicas.ts'
import type { EngineWork, SwitchOptions } from './request.ts'

export interface Replacing {
  /** Of the switch. */
  readonly id: string
  readonly replica: Replica
  readonly brought: Brought
}

/** A container in the place of another one, which is kept. */
export interface Replaced {
  readonly name: string
  readonly newId: string
  readonly formerId: string
}

/**
 * Makes the container anew and waits until it is ready and serves what the former one did. `onMade` hears of it as soon as
 * there is something that could have to be undone. The former one is named so before it is stopped, so that whoever finds it
 * knows that it was meant to be.
 */
export async function replaceContainer(
  store: Store,
  { engine, app, request }: EngineWork,
  { id, replica: { container, image }, brought }: Replacing,
  { onMade, ...options }: SwitchOptions & { readonly onMade: (replaced: Replaced) => void },
): Promise<void> {
  const { name, id: formerId } = container
  const mark = formatMark({ id, app: app.name, name, former: formerId })
  const copy = copyContainer(container, {
    image: brought.image,
    imageLabels: image.labels,
    labels: { [SWITCH_LABEL]: mark },
    withoutMounts: brought.withoutMounts,
    mounts: brought.mounts,
  })
  throwIfAborted(options.signal)
  // None of these calls is broken off: what an Engine has begun it ends, and that would come after it was undone.
  const newId = await makeNew(engine, { name: `${name}${NEW}`, copy, formerId })
  onMade({ name, newId, formerId })
  await requireUnmounted(engine, { name, newId, brought })
  await renameContainer(engine, formerId, `${name}${FORMER}`)
  options.onStep?.(`stopping ${name}`)
  await stopContainer(engine, formerId)
  throwIfAborted(options.signal)
  await renameContainer(engine, newId, name)
  options.onStep?.(`starting ${name} from ${brought.image}`)
  await startContainer(engine, newId)
  await waitUntilReady(engine, newId, {
    reload: app.reload,
    version: brought.serves[0],
    directory: request.directory,
    signal: options.signal,
  })
  await requireSame(store, { engine, name, id: newId, serves: brought.serves }, options)
}

/** What comes by `--volumes-from`, or by a VOLUME of the image, is none of the container's own mounts. */
async function requireUnmounted(
  engine: Engine,
  { name, newId, brought }: { readonly name: string; readonly newId: string; readonly brought: Brought },
): Promise<void> {
  const { Mounts } = (await readContainer(engine, newId)).json
  const there = (Array.isArray(Mounts) ? Mounts : []).map((mount) => String(objectOf(mount).Destination))
  const own = brought.mounts.map(({ destination }) => destination)
  const [kept] = brought.withoutMounts.filter((path) => there.includes(path) && !own.includes(path))
  if (kept === undefined) return
  throw new BallastError('REFUSED', `${name} would still have something mounted at ${kept}`, {
    hint: 'it comes with the volumes of another container (--volumes-from), or from a VOLUME line: make the container anew without it',
  })
}

const PATIENCE_MS = 10_000
const POLL_MS = 200

/** A switch that was killed while the Engine made its container has left it, though it may not be seen yet. */
async function makeNew(
  engine: Engine,
  {
    name,
    copy,
    formerId,
  }: { readonly name: string; readonly copy: ContainerCopy; readonly formerId: string },
): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await makeContainer(engine, { name, copy })
    } catch (error) {
      if (!isBallastError(error, 'CONFLICT') || performance.now() >= deadline) throw error
      const there = await findContainer(engine, name)
      if (there !== undefined && readMark(there.labels)?.former !== formerId) throw error
      if (there === undefined) await sleep(POLL_MS)
      else await dropContainer(engine, there.id)
    }
  }
}

/** Idempotent, whatever of it has been done already. Throws NOT_FOUND where the new one is all that there is, and stays. */
export async function putBack(engine: Engine, { name, newId, formerId }: Replaced): Promise<void> {
  const former = await findContainer(engine, formerId)
  if (former === undefined)
    throw new BallastError('NOT_FOUND', 'somebody has removed the former container, so the new one stays')
  await dropContainer(engine, newId)
  if (former.name === name && former.state.isRunning) return
  // A stop that was asked for may still be under way.
  if (former.name !== name) await stopContainer(engine, formerId)
  await startContainer(engine, formerId)
  if (former.name !== name) await renameContainer(engine, formerId, name)
}

async function requireSame(
  store: Store,
  {
    engine,
    name,
    id,
    serves,
  }: Pick<Brought, 'serves'> & { readonly engine: Engine; readonly name: string; readonly id: string },
  options: SwitchOptions,
): Promise<void> {
  for (const { path, digest } of serves) {
    const place = { engine, operand: `container:${name}:${path}`, name: id, path }
    const results = await checkContainer(store, place, options)
    const faults = results.flatMap((result) => result.faults)
    const [found] = results
    if (faults.length === 0 && results.length > 0 && results.every((result) => result.digest === digest))
      continue
    const what =
      faults.length > 0 ? faults.join('; ') : `${found?.version ?? 'no model'}, and not what was there before`
    throw new BallastError('REFUSED', `${name} does not serve the same at ${path}: ${what}`)
  }
}
