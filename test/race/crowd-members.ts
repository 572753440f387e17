import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { filesOf, filesOfVersion } from '../fixtures/store-facts.ts'
import { isStored, numbersIn, type Scene } from './crowd-scene.ts'
import { assertImage, type ReadImage, readFromLayout, readFromRegistry, writeBase } from './images.ts'
import { assertChecks, assertFollows, assertMounted, exists } from './phases.ts'
import type { Model } from './world.ts'

/** One process of a crowd. */
export interface Member {
  readonly kind: string
  readonly args: readonly string[]
  /** Exit codes beside 0 that follow where another one removes what it works on. */
  readonly besideRemoval?: readonly number[]
  /** References that are gone when it has succeeded, and may be gone when it has not; `other:*` for all of a model. */
  readonly removes?: string
  /** Where it writes beside the store. */
  readonly place?: string
  /** Whatever became of it. */
  readonly whole?: () => Promise<void>
  /** After it has answered. `isRemoved` says whether another one may have removed a reference. */
  readonly done?: (answer: unknown, isRemoved: (ref: string) => boolean) => Promise<void>
  /** What it says that it has moved; without `by`, the tag has been there at some time, whoever moved it. */
  readonly moves?: (answer: unknown) => Moved | undefined
  /** Removes what would look like garbage in the store. */
  readonly clear?: () => Promise<void>
  /** To be run again when it was killed. */
  readonly isRepeatable?: boolean
}

export interface Moved {
  readonly tag: string
  readonly digest: string
  readonly by?: string
}

export type Kind = (scene: Scene, random: Random) => Promise<Member>

const NOT_FOUND = 3
const CONFLICT = 5

/** Every verb that meets others on a store; `gc` is in each crowd anyway. */
export async function crowdKinds(): Promise<Readonly<Record<string, Kind>>> {
  const canMove = (await run(['add', '--help'])).stdout.includes('--move')
  return { ...KINDS, ...(canMove && { 'add --move': addMoving }) }
}

export const collect: Kind = async () => ({ kind: 'gc', args: ['gc'], isRepeatable: true })

const KINDS: Readonly<Record<string, Kind>> = {
  gc: collect,
  async add({ world, sources }, random) {
    const model = random.pick(sources)
    const name = random.pick(['sentiment', 'sentiment:canary', 'other', `new-${random.below(3)}`])
    return {
      kind: 'add',
      args: ['add', name, model.directory],
      moves: addedTag,
      done: async (answer, isRemoved) => {
        const { ref, digest } = answer as Added
        if (isRemoved(ref)) return
        assert.equal((await numbersIn(world.store)).live[ref], digest, `${ref} was added and is not there`)
        assert.deepEqual(await filesOfVersion(world.store, digest), model.files)
      },
      isRepeatable: true,
    }
  },
  async tag(_, random) {
    const ref = random.pick(['sentiment:1', 'sentiment:2', 'sentiment:prod'])
    return {
      kind: 'tag',
      args: ['tag', ref, random.pick(['prod', 'canary'])],
      besideRemoval: [NOT_FOUND],
      moves: (answer) => {
        const { ref, digest, moved } = answer as { ref: string; digest: string; moved: boolean }
        return moved ? { tag: ref, digest, by: 'tag' } : undefined
      },
      isRepeatable: true,
    }
  },
  async rollback() {
    return {
      kind: 'rollback',
      args: ['rollback', 'sentiment:prod'],
      besideRemoval: [NOT_FOUND, CONFLICT],
      moves: (answer) => {
        const { ref, digest } = answer as { ref: string; digest: string }
        return { tag: ref, digest, by: 'rollback' }
      },
      isRepeatable: true,
    }
  },
  async remove({ world }, random) {
    const removal = random.pick([
      { args: ['sentiment:1', '--force'], removes: 'sentiment:1' },
      { args: ['sentiment:2', '--force'], removes: 'sentiment:2' },
      { args: ['other', '--all'], removes: 'other:*' },
      { args: ['sentiment:prod'], removes: 'sentiment:prod' },
    ])
    return {
      kind: 'remove',
      args: ['remove', ...removal.args],
      removes: removal.removes,
      besideRemoval: [NOT_FOUND, CONFLICT],
      done: async (answer) => {
        const { removed } = answer as { removed: readonly string[] }
        const gone = (await numbersIn(world.store)).removed
        for (const ref of removed.filter((ref) => /:\d+$/.test(ref)))
          assert.ok(gone.has(ref), `${ref} was removed and is there`)
      },
    }
  },
  async mount({ world, stored }, random) {
    const [ref, model] = random.pick(Object.entries(stored))
    const target = join(world.fresh('mounts'), 'target')
    return {
      kind: 'mount',
      args: ['mount', ref, target],
      place: dirname(target),
      besideRemoval: [NOT_FOUND],
      whole: async () => {
        if (await exists(target)) await assertMounted(target, [model])
      },
      done: () => assertMounted(target, [model]),
      isRepeatable: true,
    }
  },
  async 'mount --follow'({ followed, models }) {
    const link = join(followed, 'sentiment')
    return {
      kind: 'mount --follow',
      args: ['mount', 'sentiment:prod', followed, '--follow', '--once'],
      place: dirname(followed),
      besideRemoval: [NOT_FOUND],
      whole: async () => {
        if (!(await exists(link))) return
        await assertFollows(link, models)
        await assertChecks(followed)
      },
      done: () => assertFollows(link, models),
      isRepeatable: true,
    }
  },
  async 'embed into a layout'(scene, random) {
    const layout = scene.world.fresh('layout')
    await writeBase(layout)
    const read: ReadImage = (reference) => readFromLayout(layout, reference)
    return { ...embedding(scene, random, { image: `oci:${layout}:out`, read }), place: layout }
  },
  async 'embed into a registry'(scene, random) {
    const { url } = scene.registry
    const name = `app-${random.below(1e9)}`
    const read: ReadImage = (reference) => readFromRegistry(url, name, reference)
    const member = embedding(scene, random, { image: `${new URL(url).host}/${name}:out`, read })
    return { ...member, clear: () => removeImages(`${url}/v2/${name}`) }
  },
  async verify() {
    return { kind: 'verify', args: ['verify'], isRepeatable: true }
  },
  async unmount({ world, stored }, random) {
    const target = join(world.fresh('mounts'), 'target')
    await world.mount(random.pick(Object.keys(stored)), target)
    return {
      kind: 'unmount',
      args: ['unmount', target],
      done: async () => assert.equal(await exists(target), false, `${target} is still there`),
    }
  },
  list: reading('list', () => []),
  show: reading('show', (ref) => [ref]),
  check: reading('check', (ref) => ['--full', ref]),
  history: reading('history', () => ['sentiment']),
  diff: reading('diff', () => ['sentiment:1', 'sentiment:prod']),
}

/** A verb that changes nothing. */
function reading(kind: string, operands: (ref: string) => readonly string[]): Kind {
  return async ({ stored }, random) => {
    const args = [kind, ...operands(random.pick(Object.keys(stored)))]
    return { kind, args, besideRemoval: [NOT_FOUND], isRepeatable: true }
  }
}

const addMoving: Kind = async ({ world, models }, random) => {
  const model = random.pick(models)
  const directory = world.fresh('moved')
  await cp(model.directory, directory, { recursive: true })
  return {
    kind: 'add --move',
    // A model that nobody removes: its bytes may be those of one that somebody does.
    args: ['add', 'moved:canary', directory, '--move'],
    moves: addedTag,
    whole: async () => {
      const left = await filesOf(directory).catch(() => ({}))
      for (const [path, hash] of Object.entries(left)) assert.equal(hash, model.files[path])
      if (JSON.stringify(left) !== JSON.stringify(model.files))
        assert.ok(
          await isStored(world.store, model),
          `${directory} was emptied, and its files are not stored`,
        )
    },
    done: async () => assert.deepEqual(await filesOf(directory).catch(() => ({})), {}),
  }
}

interface Added {
  readonly ref: string
  readonly digest: string
  readonly tag: string
}

function addedTag(answer: unknown): Moved {
  const { tag, digest } = answer as Added
  return { tag, digest }
}

function embedding(
  { world, stored, base }: Scene,
  random: Random,
  { image, read }: { readonly image: string; readonly read: ReadImage },
): Member {
  const [ref, model] = random.pick(Object.entries(stored)) as [string, Model]
  const wanted = { tag: 'out', name: ref.replace(/:.*/, ''), models: [model] }
  return {
    kind: 'embed',
    args: ['embed', `${ref}=/app/models`, base, '-t', image],
    besideRemoval: [NOT_FOUND],
    whole: async () => {
      if ((await read('out')) !== undefined) await assertImage(world.root, read, wanted)
    },
    done: () => assertImage(world.root, read, wanted),
    isRepeatable: true,
  }
}

/** The index lists no images. */
async function removeImages(repository: string): Promise<void> {
  const listed = await fetch(`${repository}/tags/list`)
  const { tags = [] } = (await listed.json()) as { tags?: readonly string[] }
  for (const tag of tags) {
    const deleted = await fetch(`${repository}/manifests/${tag}`, { method: 'DELETE' })
    assert.equal(deleted.status, 202, await deleted.text())
  }
}
