import { join } from 'node:path'
import { BallastError, readIfPresent } from '../../core/index.ts'
import { type AppModel, formatYaml } from '../../model/index.ts'
import { COMPOSE_FILES, readComposeFile } from '../compose-file.ts'
import { COMPOSE_OVERRIDE } from '../init.ts'
import { composeText } from '../init-texts.ts'
import type { Replica } from './replicas.ts'
import type { EngineWork } from './request.ts'

/** What whoever runs the application by Compose does instead: a file and commands, in order. */
export interface ComposeAdvice {
  readonly service: string
  readonly file: string
  readonly text: string
  readonly commands: readonly string[]
}

/** Undefined where no replica is a container of Compose. */
export async function composeAdvice(
  { app, request }: EngineWork,
  replicas: readonly Replica[],
): Promise<ComposeAdvice | undefined> {
  const replica = replicas.find(({ container }) => serviceOf(container.labels) !== undefined)
  const service = replica && serviceOf(replica.container.labels)
  const [model] = app.models
  if (replica === undefined || service === undefined || model === undefined) return undefined
  const base = await baseFile(request.directory)
  const files = base === undefined ? `-f ${COMPOSE_OVERRIDE}` : `-f ${base} -f ${COMPOSE_OVERRIDE}`
  const up = `docker compose ${files} up -d ${service}`
  if (request.to === 'mount') {
    const services = base === undefined ? [] : await servicesIn(request.directory, base)
    const known = services.find(({ name }) => name === service)
    const text = await composeText({
      app: { name: service, image: app.image ?? replica.imageName, ref: model.ref, path: model.path },
      base,
      service: known,
      build: known?.build,
      ports: [],
    })
    return { service, file: COMPOSE_OVERRIDE, text, commands: ['sudo ballast serve --docker-plugin', up] }
  }
  const image = `${replica.imageName.replace(/:[^:/]*$/, '')}:with-model`
  return {
    service,
    file: COMPOSE_OVERRIDE,
    text: await embeddedText({ service, image, files }),
    commands: [embedCommand(app.models, { base: replica.imageName, image }), up],
  }
}

/** Recreating services is Compose's own work: it would otherwise find containers that its files do not describe. */
export function leftToCompose({ service, file, text, commands }: ComposeAdvice): BallastError {
  const lines = [
    `${service} is a service of Compose, which has to make its containers itself`,
    `write ${file}:`,
    ...text
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`),
  ]
  return new BallastError('REFUSED', lines.join('\n'), { hint: `then: ${commands.join(' && ')}` })
}

function serviceOf(labels: Readonly<Record<string, string>>): string | undefined {
  return labels['com.docker.compose.service']
}

async function baseFile(directory: string): Promise<string | undefined> {
  for (const name of COMPOSE_FILES)
    if ((await readIfPresent(join(directory, name))) !== undefined) return name
  return undefined
}

async function servicesIn(directory: string, file: string): ReturnType<typeof readComposeFile> {
  const bytes = await readIfPresent(join(directory, file))
  return readComposeFile(bytes?.toString('utf8') ?? '', file)
}

function embedCommand(
  models: readonly AppModel[],
  { base, image }: { readonly base: string; readonly image: string },
): string {
  return `ballast embed ${models.map(({ ref, path }) => `${ref}=${path}`).join(' ')} ${base} -t ${image}`
}

async function embeddedText({
  service,
  image,
  files,
}: {
  readonly service: string
  readonly image: string
  readonly files: string
}): Promise<string> {
  return `# docker compose ${files} up
#
# The model is in the image (\`ballast embed\`). Where the other file mounts something at the model's path, take that line out:
# it would hide the model.
${await formatYaml({ services: { [service]: { image } } })}`
}
