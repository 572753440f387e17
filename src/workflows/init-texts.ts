import { formatYaml } from '../model/index.ts'
import type { ComposeService } from './compose-file.ts'

export interface Application {
  readonly name: string
  readonly image: string
  readonly ref: string
  /** The model's directory in the container. */
  readonly path: string
}

export function appFileText({ name, image, ref, path }: Application): string {
  return `# Which models this application uses, and where it looks for them: \`ballast run -- ${image}\` reads it.
apps:
  ${yamlWord(name)}:
    image: ${yamlWord(image)}
    models:
      - { ref: ${yamlWord(ref)}, path: ${yamlWord(path)} }
`
}

export interface ComposeParts {
  readonly app: Application
  /** The file that this one is used beside; undefined where it stands alone. */
  readonly base: string | undefined
  /** The service in it. */
  readonly service: ComposeService | undefined
  readonly build: unknown
  /** Those that the Dockerfile exposes, for a file that stands alone. */
  readonly ports: readonly string[]
}

/** A volume of the plugin in the service's place for the model, and a guard that runs before the service. */
export async function composeText({ app, base, service, build, ports }: ComposeParts): Promise<string> {
  const volume = `${app.ref.replace(/[:@].*$/, '').replace(/[^a-z0-9]+/g, '_')}_model`
  const guard = `${app.name}-model`
  const own = `${app.path}/.ballast`
  const mount = `${volume}:${app.path}:ro`
  const image = service?.image ?? app.image
  const origin = { image, ...(build !== undefined && { build }) }
  const standsAlone = base === undefined
  const published = ports.map((port) => `${port}:${port}`)
  const document = {
    services: {
      [app.name]: {
        ...(standsAlone && origin),
        ...(standsAlone && published.length > 0 && { ports: published }),
        volumes: [mount],
        depends_on: { [guard]: { condition: 'service_completed_successfully' } },
      },
      [guard]: {
        ...origin,
        // The second is there where a volume follows its tag.
        entrypoint: ['test', '-s', `${own}/model.json`, '-o', '-s', `${own}/state.json`],
        command: [],
        volumes: [mount],
        network_mode: 'none',
      },
    },
    volumes: { [volume]: { driver: 'ballast', driver_opts: { ref: app.ref } } },
  }
  const files = standsAlone ? '-f compose.ballast.yaml' : `-f ${base} -f compose.ballast.yaml`
  return `# docker compose ${files} up
#
# The volume shows the model in this host's store, read-only, without a copy (\`ballast serve --docker-plugin\`). A model
# that is missing or damaged keeps the containers from starting. ${guard} is a guard: it runs before ${app.name}, and
# stops everything where something other than a model from Ballast is mounted. It needs \`test\` in the image.
# To have containers see the tag move, add \`follow: "true"\` below ref; a model of several files is then in a directory
# of its own name below ${app.path}.
${await formatYaml(document)}`
}

export function ignoreText(directory: string): string {
  return `# The model comes from Ballast, by a mount or embedded: it is no part of the build.\n${directory}/\n`
}

/** As it is where YAML takes that for the same text. */
function yamlWord(text: string): string {
  return /^[a-zA-Z/][\w./@-]*(?::[\w./@-]+)*$/.test(text) &&
    !/^(?:true|false|yes|no|on|off|null)$/i.test(text)
    ? text
    : JSON.stringify(text)
}
