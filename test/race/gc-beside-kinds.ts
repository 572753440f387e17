import { cp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, start } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { filesOf, recordsOf } from '../fixtures/store-facts.ts'
import { type Arena, assertMount, endedWell, KEPT, LOOSE, type Mounted } from './gc-beside-arena.ts'
import { assertImage, type ReadImage, readFromLayout } from './images.ts'

/** One command and what has to be true after it; false where it was told that what it wanted is not there, or taken. */
export type BesideKind = (arena: Arena, random: Random) => Promise<boolean>

const NOT_FOUND = 3
const CONFLICT = 5
const GONE = [NOT_FOUND, CONFLICT]
/** A lane's own; the oldest goes when there is one more. */
const MOST_MOUNTS = 3

interface Answer {
  readonly digest: string
  readonly ref: string
}

/** What a lane does; some of it at places of its own. */
export function besideKinds(lane: number): Readonly<Record<string, BesideKind>> {
  const own: Mounted[] = []
  return {
    async add(arena, random) {
      const { directory, files } = random.pick(arena.sources)
      const answer = await command(arena, ['add', random.pick([...KEPT, ...LOOSE]), directory])
      arena.versions.set((answer as Answer).digest, files)
      return true
    },
    async tag(arena, random) {
      const name = random.pick([...KEPT, ...LOOSE])
      return (
        (await command(arena, ['tag', `${name}:latest`, random.pick(['prod', 'canary'])], GONE)) !== undefined
      )
    },
    async rollback(arena, random) {
      return (await command(arena, ['rollback', `${random.pick([...KEPT])}:prod`], GONE)) !== undefined
    },
    async 'embed into a layout'(arena, random) {
      const { world, base, versions, checked } = arena
      const name = random.pick([...KEPT, ...LOOSE])
      const layout = world.fresh('layout')
      await cp(base.split(':')[1] as string, layout, { recursive: true })
      const digest = await embedded(arena, random, { name, image: `oci:${layout}:out` })
      const files = versions.get(digest ?? '')
      if (files === undefined) return false
      const models = [{ directory: '', files }]
      const read: ReadImage = (reference) => readFromLayout(layout, reference)
      await assertImage(world.root, read, { tag: 'out', name, models })
      checked.images++
      await rm(layout, { recursive: true })
      return true
    },
    async 'embed into a registry'(arena, random) {
      const { registry, versions, images } = arena
      const name = random.pick([...KEPT, ...LOOSE])
      const image = `app-${lane}`
      const at = `${new URL(registry).host}/${image}:out`
      const files = versions.get((await embedded(arena, random, { name, image: at })) ?? '')
      if (files === undefined) return false
      images.set(image, { model: name, files })
      return true
    },
    async push(arena, random) {
      const name = random.pick([...KEPT, ...LOOSE])
      const to = `${new URL(arena.elsewhere).host}/shared/${name}`
      return (await command(arena, ['push', someVersion(name, random), to], GONE)) !== undefined
    },
    async pull(arena, random) {
      const name = random.pick([...KEPT, ...LOOSE])
      const tag = random.pick(['latest', 'prod'])
      const from = `${new URL(arena.elsewhere).host}/shared/${name}:${tag}`
      const answer = await command(arena, ['pull', from, `pulled-${random.below(2)}-${lane}`], GONE)
      return answer !== undefined
    },
    async mount(arena, random) {
      const name = random.pick([...KEPT, ...LOOSE])
      const target = join(arena.world.fresh(`mounts-${lane}`), 'target')
      const link = random.below(4) === 0 ? ['--link'] : []
      const answer = await command(arena, ['mount', someVersion(name, random), target, ...link], GONE)
      if (answer === undefined) return false
      const isHeld = (KEPT as readonly string[]).includes(name)
      const { version, digest } = answer as { version: string; digest: string }
      const mounted = { target, version, digest, isHeld: isHeld && !version.endsWith(':0') }
      await assertMount(arena, mounted)
      own.push(mounted)
      arena.mounts.push(mounted)
      const oldest = own.length > MOST_MOUNTS ? own.shift() : undefined
      if (oldest === undefined) return true
      await assertMount(arena, oldest)
      arena.mounts.splice(arena.mounts.indexOf(oldest), 1)
      await command(arena, ['unmount', oldest.target])
      await rm(dirname(oldest.target), { recursive: true })
      return true
    },
    async follow(arena, random) {
      const name = random.pick(KEPT)
      const target = join(arena.world.root, `followed-${lane}`, 'target')
      const args = ['mount', `${name}:latest`, target, '--follow', '--as', name]
      const following = start(args, arena.options)
      await Promise.race([sleep(500 + random.below(2500)), following.ended])
      if (following.child.exitCode === null) process.kill(following.child.pid as number, 'SIGTERM')
      const ran = await following.ended
      // Stopped before it had begun, or delivered anything.
      if (ran.signal === 'SIGTERM' || !endedWell(ran, args, [130, ...GONE])) return false
      if (ran.stdout === '') return false
      arena.followed.add(target)
      return true
    },
    async remove(arena, random) {
      const name = random.pick(LOOSE)
      const args = random.pick([
        [name, '--all'],
        [`${name}:latest`],
        [`${name}:${1 + random.below(8)}`, '--force'],
        [`pulled-${random.below(2)}-${lane}`, '--all'],
      ])
      return (await command(arena, ['remove', ...args], GONE)) !== undefined
    },
    async capture(arena, random) {
      const directory = arena.world.fresh('captured')
      await cp(random.pick(arena.sources).directory, directory, { recursive: true })
      await writeFile(join(directory, 'step.txt'), random.bytes(2000))
      const files = await filesOf(directory)
      const answer = await command(arena, ['capture', directory, random.pick([...KEPT, ...LOOSE])])
      arena.versions.set((answer as Answer).digest, files)
      await rm(directory, { recursive: true })
      return true
    },
  }
}

/** Its answer; undefined where it ended with one of the codes that are allowed. */
async function command(
  arena: Arena,
  args: readonly string[],
  allowed: readonly number[] = [],
): Promise<unknown> {
  const ran = await run([...args, '--json'], arena.options)
  return endedWell(ran, args, allowed) ? JSON.parse(ran.stdout) : undefined
}

function someVersion(name: string, random: Random): string {
  return random.pick([`${name}:latest`, `${name}:latest`, `${name}:prod`, `${name}:${1 + random.below(12)}`])
}

/** The digest of the version that the image holds, which is told by its number. */
async function embedded(
  arena: Arena,
  random: Random,
  { name, image }: { readonly name: string; readonly image: string },
): Promise<string | undefined> {
  const args = ['embed', `${someVersion(name, random)}=/app/models`, arena.base, '-t', image]
  const answer = (await command(arena, args, GONE)) as { readonly models: readonly Answer[] } | undefined
  const number = Number(answer?.models[0]?.ref.split(':')[1])
  const records = await recordsOf<{ number?: number; digest?: string }>(arena.world.store, `${name}/versions`)
  return records.find((record) => record.number === number)?.digest
}
