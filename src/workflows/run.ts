import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { BallastError, type CallOptions, type Digest, digestOf, hexOf, isSystemError } from '../core/index.ts'
import type { Engine, ImageFacts, RunArguments, RunOption } from '../docker/index.ts'
import {
  APP_FILE,
  type AppModel,
  formatReference,
  lastPart,
  parseAppFile,
  splitReference,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { embed } from './embed.ts'
import type { ImageAccess } from './image-places.ts'
import { splitModelPath } from './model-path.ts'
import { type ResolvedVersion, resolveVersion } from './resolve.ts'
import { removeUnusedTrees, shareTree } from './run-trees.ts'

export interface RunRequest {
  /** `REF` or `REF=PATH`; without any, what `ballast.yaml` says of the image. */
  readonly models: readonly string[]
  readonly strategy: 'embed' | 'mount' | 'auto'
  /** Of `docker run`. */
  readonly args: readonly string[]
  /** The image among them, where an option in front of it is not known. */
  readonly image?: string | undefined
  /** Where `ballast.yaml` is looked for. */
  readonly directory: string
  /** Of this user, for trees that the store has no place for. */
  readonly cacheDirectory: string
  readonly access: ImageAccess
}

export interface PreparedRun {
  /** Of `docker`, `run` in front. */
  readonly args: readonly string[]
  readonly strategy: 'embed' | 'mount'
  /** Why that one, where it was left open. */
  readonly because: string | undefined
  /** The image that runs: the user's, or the one with the models in it. */
  readonly image: string
  readonly models: readonly { readonly version: string; readonly digest: Digest; readonly path: string }[]
  readonly warnings: readonly string[]
}

interface PlacedModel {
  readonly resolved: ResolvedVersion
  readonly path: string
}

/**
 * Brings models to where a container can use them, and says how docker is to be called. Throws USAGE, NOT_FOUND for a
 * model or an image that is not there, REFUSED for a path that cannot be used, and what delivering or embedding throws.
 */
export async function prepareRun(
  store: Store,
  request: RunRequest,
  options: CallOptions = {},
): Promise<PreparedRun> {
  const { chooseEngine, imageFacts, openEngine, readRunArguments } = await import('../docker/index.ts')
  const parsed = readRunArguments(request.args, request)
  const models = await placeModels(store, { request, image: parsed.image })
  await refuseTakenPaths(models, parsed.options)
  const engine = openEngine(
    await chooseEngine(request.access.engine ?? { dockerConfig: request.access.dockerConfig }),
  )
  try {
    const facts = await imageFacts(engine, parsed.image, options)
    const work: Work = { store, engine, request, parsed, facts, models }
    const { strategy, because } = await choose(work)
    const prepared = strategy === 'embed' ? await runEmbedded(work, options) : await runMounted(work, options)
    const named = models.map(({ resolved: { reference, number, version }, path }) => {
      return { version: `${reference.name}:${number}`, digest: version.digest, path }
    })
    return { ...prepared, strategy, because, models: named }
  } finally {
    engine.close()
  }
}

interface Work {
  readonly store: Store
  readonly engine: Engine
  readonly request: RunRequest
  readonly parsed: RunArguments
  /** Undefined for an image that the Engine has yet to pull. */
  readonly facts: ImageFacts | undefined
  readonly models: readonly PlacedModel[]
}

type Prepared = Pick<PreparedRun, 'args' | 'image' | 'warnings'>

/** PATH as stated, else that of `ballast.yaml`, else the directory that an embedded model has in any case. */
async function placeModels(
  store: Store,
  { request, image }: { readonly request: RunRequest; readonly image: string },
): Promise<readonly PlacedModel[]> {
  const declared = await modelsOfApp(request.directory, image)
  const asked =
    request.models.length > 0
      ? request.models.map(splitModelPath)
      : declared.map(({ ref, path }) => ({ ref, path: path as string | undefined }))
  if (asked.length === 0) {
    throw new BallastError('USAGE', `which model should ${image} run with?`, {
      hint: `name it: ballast run --model sentiment:prod=/app/models -- ${image}; or declare it in ${APP_FILE}: ballast init`,
    })
  }
  const placed: PlacedModel[] = []
  for (const { ref, path } of asked) {
    const resolved = await resolveVersion(store, ref)
    const { name } = resolved.reference
    const ofApp = declared.find((model) => splitReference(model.ref).name === name)?.path
    placed.push({ resolved, path: (path ?? ofApp ?? `/models/${lastPart(name)}`).replace(/(?<=.)\/+$/, '') })
  }
  return placed
}

async function modelsOfApp(directory: string, image: string): Promise<readonly AppModel[]> {
  const text = await readFile(join(directory, APP_FILE), 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (text === undefined) return []
  const { apps } = await parseAppFile(text, APP_FILE)
  const app = apps.find(
    (candidate) => candidate.image !== undefined && withTag(candidate.image) === withTag(image),
  )
  return app?.models ?? []
}

function withTag(image: string): string {
  const { tag, digest } = splitReference(image)
  return tag === undefined && digest === undefined ? `${image}:latest` : image
}

async function refuseTakenPaths(
  models: readonly PlacedModel[],
  options: readonly RunOption[],
): Promise<void> {
  const { mountsOf } = await import('../docker/index.ts')
  const mounts = mountsOf(options)
  for (const [at, { path }] of models.entries()) {
    if (!/^(?:\/(?!\.\.?(?:\/|$))[^/]+)+$/.test(path)) {
      throw new BallastError('REFUSED', `the path ${JSON.stringify(path)} cannot be used`, {
        hint: 'give the absolute path of a directory in the container, as in sentiment=/app/models',
      })
    }
    const mount = mounts.find(({ target }) => isAtOrBelow(target, path))
    if (mount !== undefined) {
      throw new BallastError(
        'REFUSED',
        `${path}: the arguments mount something else there (${mount.written})`,
        {
          hint: `leave that option out, or give the model a path of its own: --model REF=PATH`,
        },
      )
    }
    const other = models.find((model, index) => index !== at && isAtOrBelow(model.path, path))
    if (other !== undefined) {
      throw new BallastError('REFUSED', `${path}: another model is at ${other.path}`, {
        hint: 'give each model a path of its own, not inside another one: --model REF=PATH',
      })
    }
  }
}

function isAtOrBelow(path: string, above: string): boolean {
  return `${path}/`.startsWith(`${above === '/' ? '' : above}/`)
}

async function choose({ engine, request }: Work): Promise<Pick<PreparedRun, 'strategy' | 'because'>> {
  if (request.strategy === 'embed') return { strategy: 'embed', because: undefined }
  const far = await whyNotHere(engine)
  if (request.strategy === 'auto') {
    return far === undefined
      ? { strategy: 'mount', because: 'the Engine runs on this machine, so nothing has to go into an image' }
      : { strategy: 'embed', because: `${far}, so it cannot mount a directory of this one` }
  }
  if (far === undefined) return { strategy: 'mount', because: undefined }
  throw new BallastError('REFUSED', `--strategy mount: ${far}, so it cannot mount a directory of this one`, {
    hint: 'embed the model: --strategy embed',
  })
}

/**
 * Whether the Engine has the file system of this process, told by the name of its machine: a socket may be forwarded
 * from elsewhere or belong to a virtual machine, and this process may run in a container that only has the socket.
 */
async function whyNotHere(engine: Engine): Promise<string | undefined> {
  const { hostName } = await engine.info()
  const { connect, url } = engine.endpoint
  const isNear = 'socketPath' in connect || /^(?:localhost|127\.|::1$)/.test(connect.host)
  if (isNear && hostName === hostname()) return undefined
  return `the Engine at ${url} runs on another machine (${hostName})`
}

async function runMounted(
  { store, engine, request, parsed, facts, models }: Work,
  options: CallOptions,
): Promise<Prepared> {
  const { heldByContainers } = await import('../docker/index.ts')
  const { hasSelinux } = await engine.info()
  const place = {
    engineUrl: engine.endpoint.url,
    cacheDirectory: request.cacheDirectory,
    // Relabelled for containers, the store's own files would be too.
    link: !hasSelinux && !canRemount(parsed.options),
  }
  const mounts: string[] = []
  const warnings: string[] = []
  for (const { resolved, path } of models) {
    const tree = await shareTree(store, { resolved, place }, options)
    warnings.push(...tree.warnings, ...hidden(facts, path))
    mounts.push(...mountOptions(tree.path, { path, hasSelinux }))
    if (tree.bytesCopied > 0) {
      const { sources } = await heldByContainers(engine, options)
      await removeUnusedTrees(tree.path, { mounted: sources, now: Date.now() })
    }
  }
  return { args: ['run', ...mounts, ...request.args], image: parsed.image, warnings }
}

/** A container with this could make its read-only mount writable, and then reach the store's bytes. */
function canRemount(options: readonly RunOption[]): boolean {
  return options.some(
    ({ name, value }) =>
      (name === 'privileged' && value !== 'false') ||
      (name === 'cap-add' && /^(?:all|(?:cap_)?(?:sys_admin|dac_read_search|mknod))$/i.test(value)),
  )
}

function mountOptions(
  source: string,
  { path, hasSelinux }: { readonly path: string; readonly hasSelinux: boolean },
): readonly string[] {
  // Only --volume can have a directory labelled for containers.
  if (hasSelinux) return ['--volume', `${source}:${path}:ro,z`]
  const fields = ['type=bind', `source=${source}`, `target=${path}`, 'readonly']
  return ['--mount', fields.map(quoted).join(',')]
}

/** Fields are separated as in a CSV file. */
function quoted(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

/** By the history: whether somebody has copied files to the path. */
function hidden(facts: ImageFacts | undefined, path: string): readonly string[] {
  const step = facts?.steps.find((line) => {
    const [, target] = /^(?:COPY|ADD)\s.*?(\S+)$/.exec(line) ?? []
    if (target === undefined) return false
    // A relative one is relative to the directory of that line, for which the image's own is the best guess.
    return isAtOrBelow(
      target.startsWith('/') ? join(target, '.') : join('/', facts?.workdir ?? '', target),
      path,
    )
  })
  if (step === undefined) return []
  return [
    `the image has files of its own at ${path} (\`${step}\`), which the mount hides; without that line the image is smaller`,
  ]
}

async function runEmbedded(
  { store, engine, request, parsed, facts, models }: Work,
  options: CallOptions,
): Promise<Prepared> {
  const { imageFacts } = await import('../docker/index.ts')
  if (facts === undefined) {
    throw new BallastError('NOT_FOUND', `the Engine has no image ${parsed.image} to embed the model into`, {
      hint: `pull it first: docker pull ${parsed.image}; what there is: docker image ls`,
    })
  }
  const base = nameOfImage(parsed.image, facts)
  const result = `${splitReference(base).name}:ballast-${keyOf(facts, models)}`
  const args = ['run', ...request.args]
  args[1 + parsed.imageAt] = result
  // The name tells base, versions and paths, so an image that has it is the one that is wanted.
  if ((await imageFacts(engine, result, options)) !== undefined) return { args, image: result, warnings: [] }
  const wanted = models.map(({ resolved: { reference, number } }) => `${reference.name}:${number}`)
  const references = models.map(({ resolved: { reference } }) => formatReference(reference))
  const digests = models.map(({ resolved: { reference, version } }) => `${reference.name}@${version.digest}`)
  const embedAs = (refs: readonly string[]) => {
    const { access } = request
    const placed = refs.map((ref, at) => `${ref}=${models[at]?.path}`)
    return embed(
      store,
      { models: placed, image: `image:${base}`, result: `image:${result}`, access },
      options,
    )
  }
  // The image remembers which tag was meant; where that has moved since, the version counts.
  const embedded = await embedAs(references)
  const holds = embedded.models.map(({ ref }) => ref)
  const { warnings } = wanted.every((ref) => holds.includes(ref)) ? embedded : await embedAs(digests)
  return { args, image: result, warnings }
}

/** An image may be run by its id, from which no name for the result can be made. */
function nameOfImage(image: string, { id, names }: ImageFacts): string {
  const hex = image.replace(/^sha256:/, '')
  if (!/^[0-9a-f]{4,64}$/.test(hex) || !hexOf(id).startsWith(hex)) return withTag(image)
  const [name] = names
  if (name !== undefined) return name
  throw new BallastError('USAGE', `the image ${image} has no name, and the one with the model needs one`, {
    hint: `name it (docker tag ${image} NAME), and run that`,
  })
}

function keyOf({ id }: ImageFacts, models: readonly PlacedModel[]): string {
  const placed = models.map(({ resolved: { reference, version }, path }) => [
    formatReference(reference),
    version.digest,
    path,
  ])
  return hexOf(digestOf(JSON.stringify([id, placed]))).slice(0, 12)
}

/**
 * What may have kept docker from starting the container, for exit code 125: it has said so itself, without what to do.
 * Undefined where nothing is known.
 */
export async function explainRefusal(
  request: Pick<RunRequest, 'args' | 'image' | 'access'>,
  options: CallOptions = {},
): Promise<string | undefined> {
  const { chooseEngine, heldByContainers, inspectContainer, openEngine, readRunArguments } = await import(
    '../docker/index.ts'
  )
  const { options: given } = readRunArguments(request.args, request)
  const engine = openEngine(
    await chooseEngine(request.access.engine ?? { dockerConfig: request.access.dockerConfig }),
  )
  try {
    const ports = given.filter(({ name }) => name === 'publish').flatMap(({ value }) => hostPorts(value))
    const taken = (await heldByContainers(engine, options)).ports.find(({ port }) => ports.includes(port))
    if (taken !== undefined) {
      return `port ${taken.port} is published by the container ${taken.container}: stop it (docker stop ${taken.container}), or publish another port`
    }
    const name = given.find((option) => option.name === 'name')?.value
    const there =
      name === undefined ? undefined : await inspectContainer(engine, name, options).catch(() => undefined)
    if (there !== undefined) {
      return `there is a container ${there.name} (${there.isRunning ? 'running' : 'not running'}): docker rm -f ${there.name} removes it, or give another --name`
    }
    return undefined
  } finally {
    engine.close()
  }
}

/** `8000:80`, `127.0.0.1:8000:80/tcp`; ranges are left to docker. */
function hostPorts(value: string): readonly number[] {
  const [, port] = /(?:^|:)(\d+):\d+(?:\/\w+)?$/.exec(value) ?? []
  return port === undefined ? [] : [Number(port)]
}
