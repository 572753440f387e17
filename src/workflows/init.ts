import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, posix, resolve } from 'node:path'
import {
  BallastError,
  type CallOptions,
  createFileDurably,
  explainSystemError,
  readIfPresent,
} from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import { APP_FILE, type App, parseAppFile, parseReference } from '../model/index.ts'
import { COMPOSE_FILES, type ComposeService, readComposeFile } from './compose-file.ts'
import { type Dockerfile, readDockerfile, readSteps } from './dockerfile.ts'
import { withEngine } from './engine-access.ts'
import { type Application, appFileText, composeText, ignoreText } from './init-texts.ts'
import {
  type ModelPlace,
  modelNameFrom,
  placeInCode,
  placeOfCopy,
  placesInDockerfile,
  placesInService,
} from './model-place.ts'

export interface InitRequest {
  /** The application's directory. */
  readonly directory: string
  /** An image of the Engine that is looked at too. */
  readonly image?: string | undefined
  readonly model?: string | undefined
  /** The model's directory in the container, where it cannot be told or is told wrongly. */
  readonly path?: string | undefined
  readonly engine: EngineChoice
}

export interface InitResult {
  readonly directory: string
  readonly app: Application
  /** What was recognised, and where it stands. */
  readonly recognised: readonly string[]
  readonly written: readonly string[]
  /** Files that were there already and stay as they are, and what to add to each. */
  readonly left: readonly { readonly file: string; readonly add: string }[]
  /** What remains to be done, in order: a sentence or a command each. */
  readonly next: readonly string[]
}

export const COMPOSE_OVERRIDE = 'compose.ballast.yaml'

/**
 * Looks at an application and writes `ballast.yaml` and what goes with it. A file that is there is never changed.
 * Throws USAGE where nothing says where the model belongs, NOT_FOUND for a directory or image that is not there.
 */
export async function init(request: InitRequest, options: CallOptions = {}): Promise<InitResult> {
  const directory = resolve(request.directory)
  const found = await look(directory, request, options)
  const place = choosePlace(found, request)
  const app = applicationOf(found, { request, place, directory })
  const written: string[] = []
  const left: { file: string; add: string }[] = []
  for (const { file, text, add = text } of await textsFor(found, { app, place })) {
    const isWritten = await createFileDurably(join(directory, file), text)
    if (isWritten) written.push(file)
    else if (!(await holds(join(directory, file), add))) left.push({ file, add })
  }
  return {
    directory,
    app,
    recognised: recognisedBy(found, { app, place }),
    written,
    left,
    next: nextSteps(found, { app, place }),
  }
}

/** What the application's files say. */
interface Found {
  readonly dockerfile: (Dockerfile & { readonly name: string }) | undefined
  readonly compose: { readonly name: string; readonly services: readonly ComposeService[] } | undefined
  readonly declared: App | undefined
  readonly places: readonly ModelPlace[]
  /** Directories of the application that hold model files, relative. */
  readonly directories: readonly string[]
}

async function look(directory: string, { image, engine }: InitRequest, options: CallOptions): Promise<Found> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw explainSystemError(error)
  })
  const read = async (name: string): Promise<string> =>
    (await readFile(join(directory, name), 'utf8')).slice(0, LARGEST_TEXT)
  const dockerfileName =
    names.find((name) => name === 'Dockerfile') ?? names.sort().find((name) => DOCKERFILE.test(name))
  const dockerfile =
    dockerfileName === undefined
      ? undefined
      : { ...readDockerfile(await read(dockerfileName)), name: dockerfileName }
  const composeName = COMPOSE_FILES.find((name) => names.includes(name))
  const services =
    composeName === undefined ? [] : await readComposeFile(await read(composeName), composeName)
  const declared = names.includes(APP_FILE)
    ? (await parseAppFile(await read(APP_FILE), APP_FILE)).apps[0]
    : undefined
  const inCode: ModelPlace[] = []
  for (const name of names.filter((candidate) => CODE.test(candidate))) {
    const place = placeInCode(await read(name), name)
    if (place !== undefined) inCode.push(place)
  }
  const places = [
    ...(declared?.models.map(({ path }) => ({ path, file: undefined, because: `${APP_FILE}: ${path}` })) ??
      []),
    ...(dockerfile === undefined ? [] : placesInDockerfile(dockerfile, dockerfile.name)),
    ...services.flatMap((service) => placesInService(service, composeName ?? '')),
    ...inCode,
    ...(image === undefined ? [] : await placesInImage(image, engine, options)),
  ]
  return {
    dockerfile,
    compose: composeName === undefined ? undefined : { name: composeName, services },
    declared,
    places,
    directories: await modelDirectories(directory, names),
  }
}

const DOCKERFILE = /^(?:Dockerfile\.[\w-]+|[\w-]+\.Dockerfile|Containerfile)$/
const CODE = /\.(?:py|js|mjs|ts|go|rb|sh|toml|ini|cfg|env)$|^\.env$/
/** More of a file is not looked at. */
const LARGEST_TEXT = 256 * 1024

async function placesInImage(
  image: string,
  engine: EngineChoice,
  options: CallOptions,
): Promise<readonly ModelPlace[]> {
  const { imageFacts, linesOf } = await import('../docker/index.ts')
  const facts = await withEngine(engine, (opened) => imageFacts(opened, image, options))
  if (facts === undefined) {
    throw new BallastError('NOT_FOUND', `the Engine has no image ${image}`, {
      hint: `pull it (docker pull ${image}), or leave --image out; what there is: docker image ls`,
    })
  }
  return placesInDockerfile({ ...readSteps(linesOf(facts)), volumes: facts.volumes }, `image ${image}`)
}

async function modelDirectories(directory: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of names.filter((candidate) =>
    /^(?:ml[_-]?)?(?:models?|weights|checkpoints?)$/i.test(candidate),
  )) {
    if ((await stat(join(directory, name))).isDirectory()) found.push(name)
  }
  return found
}

function choosePlace({ places }: Found, { path, directory }: InitRequest): ModelPlace {
  if (path !== undefined) {
    if (!/^(?:\/(?!\.\.?(?:\/|$))[^/]+)+\/?$/.test(path)) {
      throw new BallastError('USAGE', `--path ${path} is not the absolute path of a directory`, {
        hint: 'name the directory in the container, as /app/models',
      })
    }
    const same = places.find((place) => place.path === path.replace(/\/$/, ''))
    return { path: path.replace(/\/$/, ''), file: same?.file, because: '--path' }
  }
  const [place] = places
  if (place === undefined) {
    throw new BallastError('USAGE', `nothing in ${directory} says where the model belongs`, {
      hint: 'no COPY line, volume, environment variable or path in the code names a model: say it with --path /app/models',
    })
  }
  // What names a file says more of the same place.
  return { ...place, file: places.find((other) => other.path === place.path && other.file)?.file }
}

interface Chosen {
  readonly app: Application
  readonly place: ModelPlace
}

function applicationOf(
  { compose, declared, places }: Found,
  {
    request,
    place,
    directory,
  }: { readonly request: InitRequest; readonly place: ModelPlace; readonly directory: string },
): Application {
  const service = serviceOf(compose?.services ?? [], place)
  const ofDirectory =
    basename(directory)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'app'
  const name = service?.name ?? declared?.name ?? ofDirectory
  const file = place.file ?? places.find((other) => other.file !== undefined)?.file
  const model = file === undefined ? undefined : modelNameFrom(file)
  const ref = request.model ?? declared?.models[0]?.ref ?? `${model ?? ofDirectory}:prod`
  parseReference(ref)
  const image = request.image ?? service?.image ?? declared?.image ?? `${name}:latest`
  return { name, image, ref, path: place.path }
}

/** The one that mounts or builds the application: one that has the place, else the first that is built, else the first. */
function serviceOf(services: readonly ComposeService[], place: ModelPlace): ComposeService | undefined {
  const has = ({ mounts }: ComposeService): boolean =>
    mounts.some(({ target }) => target === place.path || posix.dirname(target) === place.path)
  return services.find(has) ?? services.find(({ build }) => build !== undefined) ?? services[0]
}

async function textsFor(
  { compose, dockerfile, directories }: Found,
  { app, place }: Chosen,
): Promise<readonly { readonly file: string; readonly text: string; readonly add?: string }[]> {
  const service = serviceOf(compose?.services ?? [], place)
  const ownBuild =
    dockerfile && (dockerfile.name === 'Dockerfile' ? '.' : { context: '.', dockerfile: dockerfile.name })
  const parts = {
    app,
    base: compose?.name,
    service,
    build: service === undefined ? ownBuild : service.build,
    ports: dockerfile?.ports ?? [],
  }
  const ignored = ignorable({ dockerfile, directories })
  return [
    { file: APP_FILE, text: appFileText(app) },
    { file: COMPOSE_OVERRIDE, text: await composeText(parts) },
    ...ignored.map((name) => ({ file: '.dockerignore', text: ignoreText(name), add: `${name}/` })),
  ]
}

/** Model directories that a COPY of more than themselves takes along. Where a line names one, leaving it out would break the build. */
function ignorable({
  dockerfile,
  directories,
}: Pick<Found, 'dockerfile' | 'directories'>): readonly string[] {
  const sources = (dockerfile?.copies ?? []).flatMap((line) =>
    line.sources.map((source) => posix.normalize(source)),
  )
  const isNamed = (name: string): boolean =>
    sources.some((source) => source === name || source.startsWith(`${name}/`))
  const takesAll = sources.some((source) => source === '.' || source === './' || source === '*')
  // A file is written once, so one directory of several is enough to begin with.
  return takesAll ? directories.filter((name) => !isNamed(name)).slice(0, 1) : []
}

async function holds(path: string, text: string): Promise<boolean> {
  const there = (await readIfPresent(path))?.toString('utf8') ?? ''
  return there.includes(text.trim())
}

function recognisedBy({ compose, dockerfile, declared }: Found, { app, place }: Chosen): readonly string[] {
  const service = serviceOf(compose?.services ?? [], place)
  return [
    `the model's directory ${place.path}   (${place.because})`,
    ...(place.file === undefined ? [] : [`the model's file ${place.file}`]),
    ...(service === undefined ? [] : [`the service ${service.name}   (${compose?.name})`]),
    ...(dockerfile === undefined ? [] : [`the build   (${dockerfile.name})`]),
    ...(declared === undefined ? [] : [`the application ${app.name}   (${APP_FILE})`]),
  ]
}

function nextSteps({ dockerfile, compose, directories }: Found, { app, place }: Chosen): readonly string[] {
  const lines = (dockerfile?.copies ?? []).filter((line) => placeOfCopy(line, '')?.path === place.path)
  const volume = dockerfile?.volumes.find((path) => `${place.path}/`.startsWith(`${path}/`))
  const [source] = directories
  const files = compose === undefined ? '' : `-f ${compose.name} `
  return [
    ...lines.map(
      ({ text }) =>
        `delete the line \`${text}\` from ${dockerfile?.name}: the model is no part of the build any more`,
    ),
    ...(volume === undefined
      ? []
      : [
          `delete the line \`VOLUME ${volume}\` from ${dockerfile?.name}: it would hide a model that is embedded`,
        ]),
    `ballast add ${app.ref} ${source === undefined ? 'FILES…' : `./${source}`}`,
    `ballast run -- ${app.image}`,
    `or with Compose, while \`sudo ballast serve --docker-plugin\` runs: docker compose ${files}-f ${COMPOSE_OVERRIDE} up`,
  ]
}
