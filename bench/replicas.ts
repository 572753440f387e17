import { execFile } from 'node:child_process'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ExportVersion, exportModel } from '../examples/sentiment/export-model.ts'
import { docker, uniqueName } from '../test/fixtures/engine.ts'
import { nodeExampleImage } from '../test/fixtures/node-example.ts'
import { EXAMPLE, PYTHON_BASE } from '../test/fixtures/python-example.ts'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))
const REPLICAS = 2

export type Cleanups = { readonly after: (work: () => Promise<unknown>) => void }

/** One of the example services. */
export interface Service {
  readonly name: string
  /** Directories, each with a version of the model, and what answers say by which they are told apart, in the same order. */
  readonly models: readonly string[]
  readonly expected: readonly string[]
  readonly image: string
}

export interface Replica {
  readonly name: string
  readonly url: string
  readonly pid: number
}

export async function typescriptService(t: Cleanups, directory: string): Promise<Service> {
  const versions: readonly ExportVersion[] = [1, 2, 3]
  const models = versions.map((version) => join(directory, `typescript-${version}`))
  const expected: string[] = []
  for (const [at, version] of versions.entries())
    expected.push(await exportModel(models[at] as string, version))
  const image = await nodeExampleImage({ after: (work) => t.after(async () => (work as () => unknown)()) })
  return { name: 'typescript', models, expected, image }
}

/** The first variant takes what is asked for negative, the second for positive. */
export async function pythonService(t: Cleanups, directory: string): Promise<Service> {
  const run = promisify(execFile)
  await run(join(EXAMPLE, 'make-base.sh'), [PYTHON_BASE])
  const models = [1, 2].map((variant) => join(directory, `python-${variant}`))
  for (const [at, model] of models.entries()) {
    await mkdir(model)
    const place = ['-v', `${EXAMPLE}:/example:ro`, '-v', `${model}:/out`]
    const train = [
      'python',
      '/example/train.py',
      '--variant',
      `${at + 1}`,
      '--out',
      '/out/sentiment_model.pkl',
    ]
    await docker(['run', '--rm', '--network', 'none', ...place, PYTHON_BASE, ...train])
  }
  return {
    name: 'python',
    models,
    expected: ['negative', 'positive'],
    image: await variantsImage(t, directory),
  }
}

/** As its Dockerfile makes it, without all of the repository for a context. */
async function variantsImage(t: Cleanups, directory: string): Promise<string> {
  const context = join(directory, 'python-context')
  for (const path of ['python/ballast_runtime', 'examples/sentiment-python/serve_variants.py'])
    await cp(join(REPOSITORY, path), join(context, path), { recursive: true })
  const image = `${uniqueName('ballast-variants')}:latest`
  const file = ['-f', join(EXAMPLE, 'Dockerfile.variants')]
  await docker(['build', '--quiet', '--network', 'none', ...file, '-t', image, context])
  t.after(() => docker(['image', 'rm', '-f', image]))
  return image
}

/** Containers with the target at the path of the model. They go with the test. */
export async function startReplicas(
  t: Cleanups,
  { service, target }: { readonly service: Service; readonly target: string },
): Promise<readonly Replica[]> {
  const replicas: Replica[] = []
  for (let count = 0; count < REPLICAS; count++) {
    const name = uniqueName(`ballast-${service.name}`)
    t.after(() => docker(['rm', '-f', name]))
    const mount = ['-v', `${target}:/app/models:ro`]
    await docker(['run', '-d', '--name', name, ...mount, service.image])
    const format = '{{.State.Pid}} {{.NetworkSettings.IPAddress}}'
    const [pid, address] = (await docker(['inspect', '--format', format, name])).split(' ')
    // Of the container itself, so that no proxy of the Engine stands in between.
    replicas.push({ name, pid: Number(pid), url: `http://${address}:8000` })
  }
  return replicas
}

/** `ballast.yaml` that has each service told of, and asked for, its version. */
export async function declareReloads(
  directory: string,
  services: readonly { readonly service: Service; readonly replicas: readonly Replica[] }[],
): Promise<void> {
  const apps = services.map(({ service: { name }, replicas }) => [
    name,
    {
      models: [{ ref: `${name}:prod`, path: '/app/models' }],
      reload: {
        ready: 'GET http://localhost:8000/health',
        containers: replicas.map((replica) => replica.name),
        order: 'all',
      },
    },
  ])
  // JSON is YAML.
  await writeFile(join(directory, 'ballast.yaml'), JSON.stringify({ apps: Object.fromEntries(apps) }))
}
