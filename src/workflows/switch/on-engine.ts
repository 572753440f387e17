import { randomBytes } from 'node:crypto'
import { BallastError, type ErrorCode, isBallastError, throwIfAborted } from '../../core/index.ts'
import { dropContainer, type Engine, renameContainer, untagImage } from '../../docker/index.ts'
import { splitReference } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { type Brought, bring, type ReplicaWithForm } from './bring.ts'
import { REPLACED } from './marks.ts'
import { putBack, type Replaced, replaceContainer } from './replace.ts'
import type { EngineWork, SwitchOptions } from './request.ts'

export interface SwitchedContainers {
  readonly replaced: readonly { readonly name: string; readonly image: string }[]
  readonly bytesMoved: number
  readonly warnings: readonly string[]
}

/**
 * Makes the containers anew one after the other, each of the next only once the former is ready. What fails, or is
 * interrupted, is undone in reverse; throws what it failed with, and what became of the containers.
 */
export async function switchContainers(
  store: Store,
  work: EngineWork,
  replicas: readonly ReplicaWithForm[],
  options: SwitchOptions,
): Promise<SwitchedContainers> {
  const { engine } = work
  // Replicas of one form have the same done for them.
  const told = new Set<string>()
  const tell = (text: string): void => {
    if (!told.has(text)) options.onStep?.(text)
    told.add(text)
  }
  const id = randomBytes(6).toString('hex')
  const made: string[] = []
  const replaced: Replaced[] = []
  let doing = 'preparing'
  try {
    const all: { readonly replica: ReplicaWithForm; readonly brought: Brought }[] = []
    for (const replica of replicas) {
      doing = `preparing ${replica.container.name}`
      const brought = await bring(store, work, replica, { ...options, onStep: tell })
      made.push(...brought.made)
      all.push({ replica, brought })
    }
    for (const { replica, brought } of all) {
      doing = `replacing ${replica.container.name}`
      const settings = { ...options, onMade: (one: Replaced) => void replaced.push(one) }
      await replaceContainer(store, work, { id, replica, brought }, settings)
    }
    throwIfAborted(options.signal)
    doing = 'removing the former containers'
    const removed = await removeFormer(engine, replaced)
    return {
      replaced: all.map(({ replica, brought }) => ({ name: replica.container.name, image: brought.image })),
      bytesMoved: all.reduce((sum, { brought }) => sum + brought.bytesMoved, 0),
      warnings: [...new Set(all.flatMap(({ brought }) => brought.warnings)), ...removed],
    }
  } catch (error) {
    options.onStep?.('undoing')
    throw undone(error, { doing, left: await undo(engine, { replaced, made }), replaced })
  }
}

/** All is well by now, which their names say first: one that stays is a warning, and is taken away by the next switch. */
async function removeFormer(engine: Engine, replaced: readonly Replaced[]): Promise<readonly string[]> {
  const warnings: string[] = []
  const warn =
    (name: string) =>
    (error: unknown): void => {
      if (!isBallastError(error)) throw error
      warnings.push(`the former container of ${name} stays: ${error.message}`)
    }
  for (const { name, formerId } of replaced) {
    await renameContainer(engine, formerId, `${name}${REPLACED}`).catch(warn(name))
  }
  for (const { name, formerId } of replaced) await dropContainer(engine, formerId).catch(warn(name))
  return [...new Set(warnings)]
}

/** What could not be undone, a sentence each. */
async function undo(
  engine: Engine,
  { replaced, made }: { readonly replaced: readonly Replaced[]; readonly made: readonly string[] },
): Promise<readonly string[]> {
  const left: string[] = []
  for (const one of replaced.toReversed()) {
    await putBack(engine, one).catch((error: unknown) => {
      left.push(`${one.name}: ${error instanceof Error ? error.message : error}`)
    })
  }
  for (const image of new Set(made)) {
    const { name, tag = 'latest' } = splitReference(image)
    // An image that something else uses by now may stay.
    await untagImage(engine, { name, tag }).catch(() => undefined)
  }
  return left
}

function undone(
  error: unknown,
  {
    doing,
    left,
    replaced,
  }: { readonly doing: string; readonly left: readonly string[]; readonly replaced: readonly Replaced[] },
): unknown {
  if (!isBallastError(error) && left.length === 0) return error
  const code: ErrorCode = isBallastError(error) ? error.code : 'REMOTE'
  const message = error instanceof Error ? error.message : String(error)
  const names = replaced.map(({ name }) => name).join(', ')
  const state =
    left.length > 0
      ? `not all could be undone (${left.join('; ')})`
      : replaced.length > 0
        ? `undone: ${names} ${replaced.length === 1 ? 'runs' : 'run'} as before`
        : 'nothing that runs was touched'
  const hint = isBallastError(error) ? error.hint : undefined
  return new BallastError(code, `${doing} failed; ${state}\n  ${message}`, {
    cause: error,
    hint: left.length > 0 ? 'run the same command again: it finds what is left, and ends it' : hint,
  })
}
