import { createReader, type Path, type Reader } from './app-file-reader.ts'
import { type AppTarget, readTarget } from './app-file-target.ts'
import { RELOAD_ORDERS, RELOAD_SERVERS, RELOAD_TEXTS, RELOAD_WAYS, type Reload } from './reload.ts'
import { parseYaml } from './yaml.ts'

/** What the file is called that says which applications use which models, and where (`docs/ballast.schema.json`). */
export const APP_FILE = 'ballast.yaml'

export interface AppFile {
  readonly apps: readonly App[]
  readonly targets: readonly AppTarget[]
  /** A file beside it: the public key of who alone may set policies of stages. */
  readonly policyKey?: string
}

export interface App {
  readonly name: string
  readonly image: string | undefined
  readonly models: readonly AppModel[]
  /** By environment, under whatever names these have: `development`, `production`. */
  readonly strategy: Readonly<Record<string, Strategy>>
  readonly reload: Reload | undefined
}

export interface AppModel {
  readonly ref: string
  /** The model's directory in the container, absolute. */
  readonly path: string
}

export const STRATEGIES = ['embed', 'mount', 'auto'] as const
export type Strategy = (typeof STRATEGIES)[number]

/** Throws USAGE with file, line and what would be right. */
export async function parseAppFile(text: string, file: string): Promise<AppFile> {
  const document = await parseYaml(text, file)
  const at = createReader(document, file)
  const root = at.object(document.value ?? {}, [], ['apps', 'targets', 'policyKey'])
  const apps = at.object(root.apps ?? {}, ['apps'])
  return {
    apps: Object.entries(apps).map(([name, app]) => readApp(at, name, app)),
    targets: at.list(root.targets ?? [], ['targets']).map((target, index) => readTarget(at, target, index)),
    ...(root.policyKey !== undefined && { policyKey: at.text(root.policyKey, ['policyKey']) }),
  }
}

function readApp(at: Reader, name: string, value: unknown): App {
  const path = ['apps', name]
  const app = at.object(value, path, ['image', 'models', 'strategy', 'reload'])
  const models = at.list(app.models, [...path, 'models'])
  if (models.length === 0) at.fail([...path, 'models'], 'names no model', MODEL_EXAMPLE)
  const strategy = at.object(app.strategy ?? {}, [...path, 'strategy'])
  return {
    name,
    image: at.optional(app.image, [...path, 'image']),
    models: models.map((model, index) => readModel(at, model, [...path, 'models', index])),
    strategy: Object.fromEntries(
      Object.keys(strategy).map((key) => [
        key,
        at.oneOf(strategy[key], [...path, 'strategy', key], STRATEGIES),
      ]),
    ),
    reload: app.reload === undefined ? undefined : readReload(at, app.reload, [...path, 'reload']),
  }
}

const MODEL_EXAMPLE = 'write - { ref: sentiment:prod, path: /app/models }'

function readModel(at: Reader, value: unknown, path: Path): AppModel {
  const model = at.object(value, path, ['ref', 'path'])
  const place = at.text(model.path, [...path, 'path'])
  if (!/^(?:\/(?!\.\.?(?:\/|$))[^/]+)+$/.test(place)) {
    at.fail([...path, 'path'], 'is not the absolute path of a directory', MODEL_EXAMPLE)
  }
  return { ref: at.reference(model.ref, [...path, 'ref']), path: place }
}

const RELOAD_KEYS = [...RELOAD_WAYS, 'containers', 'pid', 'order', 'ready', 'within'] as const

function readReload(at: Reader, value: unknown, path: Path): Reload {
  const reload = at.object(value, path, RELOAD_KEYS)
  const ways = RELOAD_WAYS.filter((way) => reload[way] !== undefined)
  if (ways.length > 1 || (ways.length === 0 && reload.ready === undefined)) {
    const hint = `name one of ${RELOAD_WAYS.join(', ')}, or only ready where the application notices by itself`
    at.fail(path, `names ${ways.length} ways to reload`, hint)
  }
  const text = (key: keyof typeof RELOAD_TEXTS): string | undefined => {
    const found = at.optional(reload[key], [...path, key])
    const [pattern, example] = RELOAD_TEXTS[key]
    if (found !== undefined && !pattern.test(found)) {
      at.fail([...path, key], 'cannot be read', `write it as ${example}`)
    }
    return found
  }
  const { restart, order } = reload
  if (restart !== undefined && restart !== true) at.fail([...path, 'restart'], 'is not true', 'leave it out')
  if (reload.pid !== undefined && (reload.signal === undefined || reload.containers !== undefined)) {
    at.fail([...path, 'pid'], 'is for a signal to a process of this host', 'leave it or containers out')
  }
  const server = RELOAD_SERVERS.find((one) => reload[one] !== undefined)
  if (server !== undefined && reload.ready !== undefined) {
    at.fail(
      [...path, 'ready'],
      `does not go with ${server}`,
      'leave it out: the server is asked what it serves',
    )
  }
  if (order !== undefined && !RELOAD_ORDERS.some((one) => one === order)) {
    at.fail([...path, 'order'], `is ${JSON.stringify(order)}`, `choose ${RELOAD_ORDERS.join(' or ')}`)
  }
  return {
    http: text('http'),
    signal: text('signal'),
    command: text('command'),
    restart: restart === true ? true : undefined,
    triton: text('triton'),
    tfserving: text('tfserving'),
    containers: readContainers(at, reload.containers, [...path, 'containers']),
    pid: text('pid'),
    order: RELOAD_ORDERS.find((one) => one === order),
    ready: text('ready'),
    within: text('within'),
  }
}

function readContainers(at: Reader, value: unknown, path: Path): Reload['containers'] {
  if (value === undefined || value === 'image') return value
  const names = at.list(value, path).map((name, index) => at.text(name, [...path, index]))
  return names.length > 0 ? names : at.fail(path, 'names no container', 'write [api-1, api-2] or image')
}
