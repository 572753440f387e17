import { posix } from 'node:path'
import type { ComposeService } from './compose-file.ts'
import type { CopyLine, Dockerfile } from './dockerfile.ts'

/** Where an application expects its model, and what says so. */
export interface ModelPlace {
  /** The directory in the container, absolute. */
  readonly path: string
  /** The file that was named, if one was. */
  readonly file: string | undefined
  /** For people: where it stands, and the text. */
  readonly because: string
}

const EXTENSIONS = 'pkl|pickle|joblib|onnx|safetensors|gguf|pt|pth|ckpt|h5|keras|tflite|model'
const MODEL_FILE = new RegExp(`\\.(?:${EXTENSIONS})$`, 'i')
const MODEL_WORD = /(?:^|[/_.-])(?:ml[_-]?)?(?:models?|weights|checkpoints?)(?:$|[/_.-])/i

/** A COPY that brings a model along, told by the names in it. */
export function placeOfCopy({ text, sources, target }: CopyLine, from: string): ModelPlace | undefined {
  const because = `${from}: ${text}`
  const file = [...sources, target].find((path) => MODEL_FILE.test(path))
  if (file !== undefined) {
    const path = MODEL_FILE.test(target) ? posix.dirname(target) : plain(target)
    return { path, file: posix.basename(file), because }
  }
  const isModel = [...sources.map((source) => `${source}/`), target].some((path) => MODEL_WORD.test(path))
  return isModel && plain(target) !== '/' ? { path: plain(target), file: undefined, because } : undefined
}

export function placesInDockerfile(dockerfile: Dockerfile, from: string): readonly ModelPlace[] {
  return [
    ...dockerfile.copies.flatMap((line) => placeOfCopy(line, from) ?? []),
    ...dockerfile.volumes
      .filter((path) => MODEL_WORD.test(path))
      .map((path) => ({ path: plain(path), file: undefined, because: `${from}: VOLUME ${path}` })),
    ...placesInEnvironment(dockerfile.environment, from),
  ]
}

export function placesInService(service: ComposeService, from: string): readonly ModelPlace[] {
  const at = `${from}: service ${service.name}`
  return [
    ...service.mounts
      .filter(({ target }) => MODEL_WORD.test(target) || MODEL_FILE.test(target))
      .map(({ target, written }) => ({ ...placeOfPath(target), because: `${at}, volume ${written}` })),
    ...placesInEnvironment(service.environment, at),
  ]
}

function placesInEnvironment(
  environment: readonly (readonly [string, string])[],
  from: string,
): readonly ModelPlace[] {
  return environment
    .filter(
      ([name, value]) =>
        /^(?:\/[^/\s]+)+\/?$/.test(value) && (MODEL_WORD.test(name) || MODEL_FILE.test(value)),
    )
    .map(([name, value]) => ({ ...placeOfPath(value), because: `${from}: ${name}=${value}` }))
}

const IN_CODE = new RegExp(`["'\`=\\s]((?:/[\\w.-]+)+/[\\w.-]+\\.(?:${EXTENSIONS}))(?=["'\`\\s]|$)`, 'im')

/** An absolute path of a model file in the application's code. */
export function placeInCode(text: string, from: string): ModelPlace | undefined {
  const path = IN_CODE.exec(text)?.[1]
  return path === undefined ? undefined : { ...placeOfPath(path), because: `${from}: ${path}` }
}

function placeOfPath(path: string): Omit<ModelPlace, 'because'> {
  if (!MODEL_FILE.test(path)) return { path: plain(path), file: undefined }
  return { path: posix.dirname(path), file: posix.basename(path) }
}

function plain(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

/** `sentiment` for `sentiment_model.pkl`: a name that models may have; undefined where nothing is left. */
export function modelNameFrom(file: string): string | undefined {
  const words = file
    .replace(MODEL_FILE, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !['model', 'models', 'weights', 'latest', 'final'].includes(word))
  return words.length === 0 ? undefined : words.join('-')
}
