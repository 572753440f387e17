import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Running, run, start } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import type { Random } from '../fixtures/random.ts'
import { blobOf, filesOf } from '../fixtures/store-facts.ts'
import type { Phase } from './phases.ts'
import { type Model, type World, writeModel } from './world.ts'

const BASE = {
  tag: 'base',
  layers: [[{ path: 'app/' }, { path: 'app/server.py', text: 'print("serving")\n' }]],
} as const

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
    await writeImageLayout(layout, BASE)
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
    await writeImageLayout(layout, BASE)
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
  /** What stands behind a tag or a digest: a manifest or a blob. */
  readonly read: (reference: string) => Promise<Buffer | undefined>
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
    whole: () => assertImage(world, read, 'out', [former, next]),
    done: async () => {
      await assertImage(world, read, 'out', [next])
      // The way back: the image that was replaced has a tag of its own.
      assert.equal(digestOf(await read('out.was-1')), formerDigest)
      await assertImage(world, read, 'out.was-1', [former])
      assert.equal(await read('out.was-2'), undefined, 'the repetition counts as another replacement')
    },
    clear: async () => {
      for (const { directory } of [former, next]) await rm(directory, { recursive: true })
      await world.removeModel('embedded')
    },
  }
}

interface Manifest {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string }[]
}

/** Every blob is there with its digest, and the layers, unpacked by `tar`, hold one of the models and the application. */
async function assertImage(
  world: World,
  read: Place['read'],
  tag: string,
  models: readonly Model[],
): Promise<void> {
  const bytes = await read(tag)
  assert.ok(bytes, `${tag} is not there`)
  const manifest = JSON.parse(bytes.toString('utf8')) as Manifest
  const scratch = await mkdtemp(join(world.root, 'unpacked-'))
  const root = join(scratch, 'root')
  await mkdir(root)
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = await read(digest)
    assert.ok(blob, `${tag} needs ${digest}, which is not there`)
    assert.equal(digestOf(blob), digest)
    if (digest === manifest.config.digest) continue
    await writeFile(join(scratch, 'layer.tar'), blob)
    await promisify(execFile)('tar', ['-xf', join(scratch, 'layer.tar'), '-C', root])
  }
  const found = JSON.stringify(await filesOf(join(root, 'models', 'embedded')))
  assert.ok(
    models.some(({ files }) => JSON.stringify(files) === found),
    `${tag} holds none of the versions: ${found}`,
  )
  assert.equal(await readFile(join(root, 'app', 'server.py'), 'utf8'), 'print("serving")\n')
  const throughPath = JSON.stringify(await filesOf(join(root, 'app', 'models', '.')))
  assert.equal(throughPath, found, 'the path leads elsewhere')
  await rm(scratch, { recursive: true })
}

async function readFromLayout(layout: string, reference: string): Promise<Buffer | undefined> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  const tagged = index.manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === reference,
  )
  const digest = reference.startsWith('sha256:') ? reference : tagged?.digest
  return digest === undefined ? undefined : readFile(blobOf(layout, digest))
}

async function readFromRegistry(url: string, name: string, reference: string): Promise<Buffer | undefined> {
  const kinds = reference.startsWith('sha256:') ? ['blobs', 'manifests'] : ['manifests']
  for (const kind of kinds) {
    const answer = await fetch(`${url}/v2/${name}/${kind}/${reference}`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    })
    const body = Buffer.from(await answer.arrayBuffer())
    if (answer.ok) return body
    assert.equal(answer.status, 404, body.toString('utf8'))
  }
  return undefined
}

/** `ballast serve --registry` over a store of its own, on a free port. */
export async function startRegistry(
  store: string,
): Promise<{ readonly running: Running; readonly url: string }> {
  const running = start(['serve', '--registry', '--listen', '127.0.0.1:0', '--json'], { store })
  const url = await new Promise<string>((resolve, reject) => {
    running.child.stdout?.on('data', () => {
      const line = running.stdout()
      if (line.includes('\n')) resolve((JSON.parse(line.slice(0, line.indexOf('\n'))) as { url: string }).url)
    })
    void running.ended.then(({ stderr }) => reject(new Error(`serve ended: ${stderr}`)))
  })
  return { running, url }
}

function digestOf(bytes: Buffer | undefined): string {
  return bytes === undefined ? 'nothing' : `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
