import { readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, readAll, syncDirectory } from '../../core/index.ts'
import type { ServerLayout } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import type { Delivery } from '../delivery.ts'
import type { Retention } from '../generations.ts'
import { whatIsAt } from '../links.ts'
import { DIRECTORY_MODE, GENERATIONS, REPOSITORY } from '../names.ts'
import type { SeenTarget } from '../seen.ts'
import type { Followed } from '../state.ts'
import { formerShown, planView } from './plan.ts'
import { placeView } from './view.ts'

export interface LaidOut {
  /** What the link has to lead to, relative to the target. */
  readonly to: string
  readonly warnings: readonly string[]
}

/**
 * Makes what a server finds of the version that stands in the target as `id`, and of those before it. Throws REFUSED for one that the
 * server could not find so.
 */
export async function layOut(
  target: string,
  {
    layout,
    name,
    id,
    followed,
    delivery,
  }: {
    readonly layout: ServerLayout
    readonly name: string
    readonly id: string
    readonly followed: Followed
    readonly delivery: Delivery
  },
  { keep, readGeneration }: Pick<Retention, 'keep'> & Pick<SeenTarget, 'readGeneration'>,
): Promise<LaidOut> {
  const current = { id, ...delivery }
  const former = await formerShown(
    layout,
    { followed, current },
    {
      keep,
      place: async (former) => {
        const tree = await readGeneration(former)
        return tree && { id: former, ...tree }
      },
    },
  )
  const read = (path: string): Promise<string> => readFile(join(target, GENERATIONS, id, path), 'utf8')
  const plan = await planView(layout, { name, current, former, read })
  return { to: await placeView(target, { layout, id, plan }), warnings: plan.warnings }
}

const LARGEST_TEXT = 1024 * 1024

/** Throws what `layOut` would, before a byte has been copied. */
export async function refuseUnfit(
  store: Store,
  {
    layout,
    name,
    delivery,
  }: { readonly layout: ServerLayout; readonly name: string; readonly delivery: Delivery },
): Promise<void> {
  const read = async (path: string): Promise<string> => {
    const file = delivery.version.files.find((one) => one.path === path)
    if (file === undefined) return ''
    await store.blobs.ensureIntact(file.pack ?? file)
    return (await readAll(store.fileContent(file).open(), LARGEST_TEXT)).toString()
  }
  await planView(layout, { name, current: { id: '', ...delivery }, former: [], read })
}

/**
 * A directory of nothing but models, with a link to each: Triton takes every directory in its repository for a model, `.ballast`
 * too, and does not start with one that it cannot load. Done after the link is there, since one that leads nowhere keeps
 * Triton from looking at all others.
 */
export async function addToRepository(target: string, name: string): Promise<void> {
  const repository = join(target, REPOSITORY)
  const to = `../../${name}`
  if ((await whatIsAt(join(repository, name))) === to) return
  await makeDirectory(repository, DIRECTORY_MODE)
  await rm(join(repository, name), { recursive: true, force: true })
  await symlink(to, join(repository, name))
  await syncDirectory(repository)
}
