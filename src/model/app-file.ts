import { BallastError } from '../core/index.ts'
import { type Json, objectOf } from './json.ts'
import { parseReference } from './names.ts'
import { RELOAD_ORDERS, RELOAD_TEXTS, RELOAD_WAYS, type Reload } from './reload.ts'
import { parseYaml, type YamlDocument } from './yaml.ts'

/** What the file is called that says which applications use which models, and where (`docs/ballast.schema.json`). */
export const APP_FILE = 'ballast.yaml'

export interface AppFile {
  readonly apps: readonly App[]
  readonly targets: readonly AppTarget[]
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

/** A place that is kept up with a model. */
export interface AppTarget {
  readonly ref: string
  /** A directory (`./models`) or a volume (`volume:ml_models`). */
  readonly to: string
  readonly follow: boolean
}

/** Throws USAGE with file, line and what would be right. */
export async function parseAppFile(text: string, file: string): Promise<AppFile> {
  const document = await parseYaml(text, file)
  const at = reader(document, file)
  const root = at.object(document.value ?? {}, [], ['apps', 'targets'])
  const apps = at.object(root.apps ?? {}, ['apps'])
  return {
    apps: Object.entries(apps).map(([name, app]) => readApp(at, name, app)),
    targets: at.list(root.targets ?? [], ['targets']).map((target, index) => readTarget(at, target, index)),
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
      Object.keys(strategy).map((key) => [key, at.oneOf(strategy[key], [...path, 'strategy', key])]),
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
  if (order !== undefined && !RELOAD_ORDERS.some((one) => one === order)) {
    at.fail([...path, 'order'], `is ${JSON.stringify(order)}`, `choose ${RELOAD_ORDERS.join(' or ')}`)
  }
  return {
    http: text('http'),
    signal: text('signal'),
    command: text('command'),
    restart: restart === true ? true : undefined,
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

function readTarget(at: Reader, value: unknown, index: number): AppTarget {
  const path = ['targets', index]
  const target = at.object(value, path, ['ref', 'to', 'follow'])
  const follow = target.follow ?? false
  if (typeof follow !== 'boolean') at.fail([...path, 'follow'], 'is neither true nor false', 'write true')
  const to = at.text(target.to, [...path, 'to'])
  if (!/^(?:[./~]|volume:.)/.test(to)) {
    at.fail([...path, 'to'], 'is neither a path nor a volume', 'write ./models or volume:ml_models')
  }
  return { ref: at.reference(target.ref, [...path, 'ref']), to, follow: follow === true }
}

type Path = readonly (string | number)[]

interface Reader {
  /** Without `keys`, any may be there. */
  readonly object: (value: unknown, path: Path, keys?: readonly string[]) => Json
  readonly list: (value: unknown, path: Path) => readonly unknown[]
  readonly text: (value: unknown, path: Path) => string
  readonly optional: (value: unknown, path: Path) => string | undefined
  readonly oneOf: (value: unknown, path: Path) => Strategy
  readonly reference: (value: unknown, path: Path) => string
  readonly fail: (path: Path, what: string, hint: string) => never
}

function reader({ lineOf }: YamlDocument, file: string): Reader {
  const fail = (path: Path, what: string, hint: string): never => {
    throw new BallastError('USAGE', `${file}:${lineOf(path)}: ${formatPath(path)} ${what}`, { hint })
  }
  const text = (value: unknown, path: Path): string =>
    typeof value === 'string' && value !== ''
      ? value
      : fail(path, 'is not a text', 'write one, in quotes if need be')
  return {
    fail,
    text,
    optional: (value, path) => (value === undefined ? undefined : text(value, path)),
    object(value, path, keys) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        fail(path, 'is not a mapping', keys === undefined ? 'write NAME: VALUE' : `it has ${keys.join(', ')}`)
      }
      const unknown = keys && Object.keys(value as Json).find((key) => !keys.includes(key))
      if (unknown !== undefined) fail([...path, unknown], 'is not known', `there are ${keys?.join(', ')}`)
      return objectOf(value)
    },
    list: (value, path) =>
      Array.isArray(value)
        ? value
        : fail(path, 'is not a list', 'begin each entry with a line that has a dash'),
    oneOf(value, path) {
      const found = STRATEGIES.find((strategy) => strategy === value)
      return found ?? fail(path, `is ${JSON.stringify(value)}`, `choose ${STRATEGIES.join(', ')}`)
    },
    reference(value, path) {
      const ref = text(value, path)
      try {
        parseReference(ref)
      } catch (error) {
        const { message, hint = '' } = error as BallastError
        fail(path, `is ${message}`, hint)
      }
      return ref
    },
  }
}

/** `apps.sentiment-api.models[0].path` */
function formatPath(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}
