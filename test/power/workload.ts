import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { type Files, filesOf } from '../fixtures/store-facts.ts'
import type { RecordedDisk } from './disk.ts'
import { NOTHING, type Observed, observe, tagsOf } from './observe.ts'

/**
 * Writers, each with a model of its own, work on one store at once. What each command did is noted outside of the disk, at
 * the instant when the command has said that it did it.
 */
export interface Step {
  readonly model: string
  readonly verb: string
  /** The mark before it was started, and the one after it had ended. */
  readonly started: number
  readonly ended: number
  readonly isRefused: boolean
  /** What the model is from then on. */
  readonly after: Observed
  /** Of a mount: where, and what is there from then on. */
  readonly delivered: { readonly target: string; readonly files: Files } | undefined
}

export interface WorkloadOptions {
  readonly disk: RecordedDisk
  /** Not on the disk. */
  readonly sources: string
  readonly random: Random
  readonly writers: number
  /** Of each writer. */
  readonly steps: number
  /** False: the commands leave out what makes their writes durable. */
  readonly isSynced: boolean
}

export const storeOf = (path: string): string => join(path, 'store')
const UNSYNCED = new URL('unsynced.mjs', import.meta.url).href
const TAGS = ['prod', 'staging', 'canary']

export async function work({
  disk,
  sources,
  random,
  writers,
  steps,
  isSynced,
}: WorkloadOptions): Promise<readonly Step[]> {
  const done: Step[] = []
  let marks = 0
  const mark = async (): Promise<number> => {
    const number = ++marks
    await disk.mark(number)
    return number
  }
  const contents = new Map<string, Files>()
  const write = async (writer: number): Promise<void> => {
    const model = `model-${writer}`
    let state: Observed = NOTHING
    for (let number = 0; number < steps; number++) {
      const plan = await choose({ model, state, random, sources, path: disk.path, id: `${writer}-${number}` })
      const started = await mark()
      const { code, signal, stdout, stderr } = await run([...plan.args, '--json'], {
        store: storeOf(disk.path),
        nodeOptions: isSynced ? [] : ['--import', UNSYNCED],
      })
      const ended = await mark()
      if (signal !== null || code === null)
        throw new Error(`ballast ${plan.args.join(' ')}: ${signal}: ${stderr}`)
      const [after = NOTHING] = await observe(storeOf(disk.path), [model])
      state = after
      const isRefused = code !== 0
      const { digest } = (isRefused ? {} : JSON.parse(stdout)) as { digest?: string }
      if (plan.files !== undefined && digest !== undefined) contents.set(digest, plan.files)
      const files = digest === undefined ? undefined : contents.get(digest)
      const delivered =
        plan.target === undefined || files === undefined ? undefined : { target: plan.target, files }
      done.push({ model, verb: plan.args[0] as string, started, ended, isRefused, after, delivered })
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  return done
}

interface Plan {
  readonly args: readonly string[]
  /** Of an `add`: what was put in. */
  readonly files?: Files
  /** Of a `mount`, relative to the disk. */
  readonly target?: string
}

interface Choice {
  readonly model: string
  readonly state: Observed
  readonly random: Random
  readonly sources: string
  readonly path: string
  readonly id: string
}

async function choose({ model, state, random, sources, path, id }: Choice): Promise<Plan> {
  const tags = [...tagsOf(state).keys()].filter((tag) => tag !== 'latest')
  const verb =
    state.versions.length === 0
      ? 'add'
      : random.pick([
          'add',
          'add',
          'add',
          'tag',
          'tag',
          'rollback',
          'remove',
          'mount',
          'mount',
          'attach',
          'attach',
          'gc',
        ])
  const version = state.versions.length === 0 ? undefined : random.pick(state.versions)
  if (verb === 'add' || version === undefined) {
    const source = join(sources, id)
    await writeSource(source, random)
    const name = random.pick([model, `${model}:${random.pick(TAGS)}`])
    const files = await filesOf(source)
    return { args: ['add', name, source], files }
  }
  switch (verb) {
    case 'tag':
      return { args: ['tag', version.ref, random.pick(TAGS)] }
    case 'rollback':
      return tags.length === 0 ? { args: ['gc'] } : { args: ['rollback', `${model}:${random.pick(tags)}`] }
    case 'remove': {
      const isTag = tags.length > 0 && random.next() < 0.5
      return {
        args: isTag ? ['remove', `${model}:${random.pick(tags)}`] : ['remove', '--force', version.ref],
      }
    }
    case 'mount': {
      const target = `targets/${random.pick([id, model])}`
      await mkdir(join(path, 'targets'), { recursive: true })
      return { args: ['mount', version.ref, join(path, target)], target }
    }
    case 'attach': {
      const file = join(sources, `${id}.json`)
      await writeFile(file, JSON.stringify({ accuracy: random.next() }))
      return { args: ['attach', version.ref, file] }
    }
    default:
      return { args: ['gc'] }
  }
}

const SHARED = ['bad\ngood\n', 'no\nyes\n']

/** Some bytes of its own, some that other versions have too. */
async function writeSource(directory: string, random: Random): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(join(directory, 'weights'), { recursive: true })
  await writeFile(join(directory, 'labels.txt'), random.pick(SHARED))
  for (let part = 0; part <= random.below(3); part++) {
    await writeFile(join(directory, `weights/${part}.bin`), random.bytes(1 + random.below(60_000)))
  }
}
