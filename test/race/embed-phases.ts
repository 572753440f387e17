import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { run } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import {
  assertImage,
  digestOf,
  type ReadImage,
  readFromLayout,
  readFromRegistry,
  startRegistry,
  writeBase,
} from './images.ts'
import type { Phase } from './phases.ts'
import { type World, writeModel } from './world.ts'

/** Phases of the verbs that write images; none of a verb that this command does not have. */
export async function embedPhases(print: (line: string) => void): Promise<readonly Phase[]> {
  const phases: Phase[] = []
  if (await hasVerb('embed')) phases.push(intoLayout)
  else print('kill: skipped: embed, because the command has no such verb yet')
  if ((await hasVerb('embed')) && (await hasVerb('serve'))) phases.push(intoRegistry)
  else print('kill: skipped: embed into a registry, because the command has no verb serve yet')
  return phases
}

async function hasVerb(verb: string): Promise<boolean> {
  return (await run([verb, '--help'])).stdout.includes(`ballast ${verb}`)
}

const intoLayout: Phase = {
  name: 'embed, into a layout',
  weight: 3,
  async prepare(world, random) {
    const layout = world.fresh('layout')
    await writeBase(layout)
    const read = (reference: string): Promise<Buffer | undefined> => readFromLayout(layout, reference)
    const images = { image: (tag: string) => `oci:${layout}:${tag}`, base: `oci:${layout}:base` }
    return { ...(await attempt(world, { random, read, ...images })), place: layout }
  },
}

const intoRegistry: Phase = {
  name: 'embed, into a registry',
  weight: 3,
  async prepare(world, random) {
    const layout = world.fresh('layout')
    await writeBase(layout)
    const { running, url } = await startRegistry(world.fresh('registry'))
    const name = `app-${random.below(1e9)}`
    const host = url.replace(/^https?:\/\//, '')
    const read = (reference: string): Promise<Buffer | undefined> => readFromRegistry(url, name, reference)
    const image = (tag: string): string => `${host}/${name}:${tag}`
    const made = await attempt(world, { random, read, image, base: `oci:${layout}:base` })
    const clear = async (): Promise<void> => {
      running.kill()
      await running.ended
      await made.clear()
    }
    return { ...made, clear }
  },
}

interface Place {
  readonly random: Random
  readonly read: ReadImage
  readonly image: (tag: string) => string
  readonly base: string
}

/** A second version of the model takes the place of the first one in an image, under the same tag. */
async function attempt(world: World, { random, read, image, base }: Place): ReturnType<Phase['prepare']> {
  const former = await writeModel(world.fresh('source'), random)
  const next = await writeModel(world.fresh('source'), random)
  const args = ['embed', 'embedded=/app/models', base, '-t', image('out')]
  await world.add('embedded', former.directory)
  const first = await run(args, { store: world.store })
  assert.equal(first.code, 0, first.stderr)
  const formerDigest = digestOf(await read('out'))
  await world.add('embedded', next.directory)
  return {
    args,
    whole: () => assertImage(world.root, read, { name: 'embedded', tag: 'out', models: [former, next] }),
    done: async () => {
      await assertImage(world.root, read, { name: 'embedded', tag: 'out', models: [next] })
      // The way back: the image that was replaced has a tag of its own.
      assert.equal(digestOf(await read('out.was-1')), formerDigest)
      await assertImage(world.root, read, { name: 'embedded', tag: 'out.was-1', models: [former] })
      assert.equal(await read('out.was-2'), undefined, 'the repetition counts as another replacement')
    },
    clear: async () => {
      for (const { directory } of [former, next]) await rm(directory, { recursive: true })
      await world.removeModel('embedded')
    },
  }
}
