import { lutimes, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerLayout } from '../../src/model/index.ts'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { mount, mountFollowing } from '../../src/workflows/mount.ts'
import { remove } from '../../src/workflows/remove.ts'
import type { Random } from '../fixtures/random.ts'
import { type Files, filesOf, leftoversIn } from '../fixtures/store-facts.ts'

/** A store with directories beside it, in which one killed command follows another. */
export interface World {
  readonly root: string
  readonly store: string
  /** A directory that nothing stands at yet. */
  readonly fresh: (name: string) => string
  /** What goes before and after a kill is done in this process: starting the command takes longer than its work. */
  readonly add: (name: string, directory: string) => Promise<{ readonly ref: string }>
  readonly removeModel: (name: string) => Promise<void>
  readonly mount: (
    ref: string,
    target: string,
    options?: { readonly follow: boolean; readonly layout?: ServerLayout },
  ) => Promise<void>
  readonly clear: () => Promise<void>
}

export async function createWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), 'ballast-race-'))
  const store = join(root, 'store')
  let made = 0
  return {
    root,
    store,
    fresh: (name) => join(root, `${name}-${++made}`),
    add: async (name, directory) => add(await openStore(store), { name, sources: [directory] }),
    removeModel: async (name) => void (await remove(await openStore(store), name, { all: true })),
    mount: async (ref, target, options) => {
      const deliver = options?.follow === true ? mountFollowing : mount
      await deliver(await openStore(store), { ref, target, layout: options?.layout })
    },
    clear: () => rm(root, { recursive: true, force: true }),
  }
}

export interface Model {
  readonly directory: string
  readonly files: Files
}

const MIB = 1024 * 1024

/** A few MiB in several files, two of them the same, so that writing them has a length. */
export async function writeModel(directory: string, random: Random): Promise<Model> {
  const twice = random.bytes(MIB / 2)
  await writeFiles(directory, {
    'weights/part-1.bin': random.bytes(2 * MIB),
    'weights/part-2.bin': random.bytes(MIB + random.below(MIB)),
    'weights/shared.bin': twice,
    'backup/shared.bin': twice,
    'config.json': JSON.stringify({ seed: random.next() }),
  })
  return { directory, files: await filesOf(directory) }
}

/** Many small files: what a `gc` has to remove one by one. */
export async function writeCrumbs(directory: string, random: Random): Promise<Model> {
  const crumbs = Array.from({ length: 24 }, (_, index) => [`crumb-${index}`, random.bytes(2000)] as const)
  await writeFiles(directory, Object.fromEntries(crumbs))
  return { directory, files: await filesOf(directory) }
}

export async function writeFiles(
  directory: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true })
    await writeFile(join(directory, path), content)
  }
}

/**
 * Sets what was left half-written two hours back. A process that was killed before it could say who it is cannot be
 * told from one that is about to; such a leftover is removed once it has been silent for a while.
 */
export async function letTimePass(directory: string): Promise<void> {
  const past = new Date(Date.now() - 7_200_000)
  for (const path of await leftoversIn(directory)) await lutimes(join(directory, path), past, past)
}
