import {
  allContainers,
  dropContainer,
  type Engine,
  findContainer,
  type ListedContainer,
  readContainer,
  renameContainer,
  startContainer,
  stopContainer,
} from '../../docker/index.ts'
import { FORMER, NEW, REPLACED, readMark, type SwitchMark } from './marks.ts'
import { putBack } from './replace.ts'

/** A container that a switch has made, whether the former one is still there, and whether its name says that all was well. */
interface Member {
  readonly id: string
  readonly name: string
  readonly mark: SwitchMark
  readonly hasFormer: boolean
  readonly isReplaced: boolean
}

/**
 * Ends what a switch has left that was killed. Former containers are renamed and go only once all is well: where one of a switch has,
 * it is completed, and else it is undone. Says what was done, a sentence each.
 */
export async function recover(engine: Engine, app: string): Promise<readonly string[]> {
  const all = await allContainers(engine)
  const members = membersOf(all, app)
  const told: string[] = []
  for (const { id, mark, hasFormer, name } of members) {
    if (hasFormer || !name.endsWith(NEW)) continue
    if (all.some((other) => other.name === mark.name)) {
      // Made by the Engine after its switch was killed, and of no use any more.
      await dropContainer(engine, id)
    } else {
      // Somebody has removed the former one, and this is all that there is of it.
      await renameContainer(engine, id, mark.name)
      await startContainer(engine, id)
      told.push(`completed a switch that was cut short: the former ${mark.name} was removed`)
    }
  }
  for (const id of new Set(members.map(({ mark }) => mark.id))) {
    const own = members.filter(
      ({ mark, name, hasFormer }) => mark.id === id && (hasFormer || !name.endsWith(NEW)),
    )
    const open = own.filter(({ hasFormer }) => hasFormer)
    if (open.length === 0) continue
    const names = open
      .map(({ mark }) => mark.name)
      .sort()
      .join(', ')
    if (open.length < own.length || open.some(({ isReplaced }) => isReplaced)) {
      for (const { mark } of open) await dropContainer(engine, mark.former)
      told.push(`completed a switch that was cut short: removed the former ${names}`)
    } else {
      // An Engine lists the newest first.
      for (const { id: newId, mark } of open)
        await putBack(engine, { name: mark.name, newId, formerId: mark.former })
      told.push(`undid a switch that was cut short: ${names} as before`)
    }
  }
  return [...told, ...(await restoreOrphans(engine, all, app))]
}

/** Whether there is anything for `recover` to do. */
export async function isHalfDone(engine: Engine, app: string): Promise<boolean> {
  const all = await allContainers(engine)
  return membersOf(all, app).some(({ hasFormer, isReplaced }) => hasFormer && !isReplaced)
}

function membersOf(all: readonly ListedContainer[], app: string): readonly Member[] {
  const names = new Map(all.map(({ id, name }) => [id, name]))
  return all.flatMap(({ id, name, labels }) => {
    const mark = readMark(labels)
    // One that is itself a former one belongs to an earlier switch.
    if (mark?.app !== app) return []
    const former = names.get(mark.former)
    return [
      { id, name, mark, hasFormer: former !== undefined, isReplaced: former === `${mark.name}${REPLACED}` },
    ]
  })
}

/** Undoing was cut short between removing the new container and giving the former one its name. */
async function restoreOrphans(
  engine: Engine,
  all: readonly ListedContainer[],
  app: string,
): Promise<readonly string[]> {
  // Also by a switch of another application that is at work.
  const claimed = new Set(all.map(({ labels }) => readMark(labels)?.former))
  const told: string[] = []
  for (const { id, name } of all) {
    if (!name.endsWith(FORMER) || claimed.has(id) || (await findContainer(engine, id)) === undefined) continue
    const own = name.slice(0, -FORMER.length)
    if (!isFor(await readContainer(engine, id), app) || all.some((other) => other.name === own)) continue
    await stopContainer(engine, id)
    await startContainer(engine, id)
    await renameContainer(engine, id, own)
    told.push(`restored ${own}, which a switch that was cut short had stopped`)
  }
  return told
}

/** Where nothing tells another application. */
function isFor({ labels }: { readonly labels: Readonly<Record<string, string>> }, app: string): boolean {
  const mark = readMark(labels)
  return mark === undefined || mark.app === app
}
