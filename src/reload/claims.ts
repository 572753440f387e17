import { objectOf, parseJson } from '../model/index.ts'
import type { ToldVersion } from './plan.ts'

/**
 * What an answer says of the version: that it is served, that another one is, nothing that names one, or, as text, why the
 * application will not serve it.
 */
export type Word = 'serves' | 'another' | 'untold' | { readonly refused: string }

export interface Said {
  /** Undefined where it is longer than `LONGEST_TEXT`, so that nobody has looked into it. */
  readonly text: string | undefined
  /** The header of that name in lower case. */
  readonly header?: (name: string) => string | null
}

/** In bytes: of what an application says, more than any list of models has. */
export const LONGEST_TEXT = 4 * 1024 * 1024

const HEADERS = ['x-model-digest', 'x-model-version']

/**
 * A header `X-Model-Digest` or `X-Model-Version`, else a JSON object with `digest`, `number` or `version` in it, at the top, in
 * `model`, `models` or `variants`, or the states of TF Serving; else any text that has the digest. A digest counts for more
 * than a number: numbers are those of one store. What `refused` names, as of `ballast/runtime`, is not served.
 */
export function wordOf({ text = '', header }: Said, version: ToldVersion): Word {
  const body = parseJson(Buffer.from(text))
  const refused = body === undefined ? undefined : whyRefused(body, version)
  if (refused !== undefined) return { refused }
  const heads = HEADERS.flatMap((name) => claimsOf(header?.(name) ?? undefined))
  const claims = heads.length > 0 ? heads : body === undefined ? [] : claimsIn(body, version)
  const digests = claims.filter((claim) => claim.startsWith('sha256:'))
  const deciding = digests.length > 0 ? digests : claims
  if (deciding.length > 0) {
    const wanted = digests.length > 0 ? version.digest : `${version.number}`
    return deciding.includes(wanted) ? 'serves' : 'another'
  }
  return body === undefined && text.includes(version.digest) ? 'serves' : 'untold'
}

/** `sha256:…`, a number, or `NAME:NUMBER`: anything else is a version of somebody else's counting. */
function claimsOf(value: unknown): readonly string[] {
  if (typeof value === 'number') return Number.isInteger(value) ? [`${value}`] : []
  if (typeof value !== 'string') return []
  if (/^sha256:[0-9a-f]{64}$/.test(value)) return [value]
  const [, number] = /^(?:[a-z0-9._/-]+:)?(\d+)$/.exec(value) ?? []
  return number === undefined ? [] : [`${Number(number)}`]
}

const DEEPEST = 4

function claimsIn(value: unknown, told: ToldVersion, depth = 0): readonly string[] {
  if (depth > DEEPEST) return []
  if (Array.isArray(value)) return value.flatMap((one) => claimsIn(one, told, depth + 1))
  if (typeof value !== 'object' || value === null) return []
  const { digest, number, version, model, models, variants, model_version_status } = objectOf(value)
  // As a marker of Ballast's: who serves several models says nothing of this one by the digest of another.
  const isOfAnother = typeof model === 'string' && typeof digest === 'string' && model !== told.model
  return [
    ...(isOfAnother ? [] : [digest, number, version].flatMap(claimsOf)),
    ...[model, models, variants, version].flatMap((one) => claimsIn(one, told, depth + 1)),
    ...statesOf(model_version_status)
      .filter(({ state }) => state === 'AVAILABLE')
      .flatMap((one) => claimsOf(one.version)),
    // TF Serving names versions that are on their way, too; those are none that are served.
    ...(Array.isArray(model_version_status) ? ['-1'] : []),
  ]
}

function statesOf(status: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(status) ? status.map(objectOf) : []
}

function whyRefused(body: unknown, { digest, number }: ToldVersion): string | undefined {
  const { refused, problem, error, model_version_status } = objectOf(body)
  if (Array.isArray(refused) && refused.map(objectOf).some((one) => one.digest === digest)) {
    return typeof problem === 'string' ? problem : 'it could not be loaded'
  }
  const ended = statesOf(model_version_status).find(
    (one) => `${one.version}` === `${number}` && one.state === 'END',
  )
  const { error_code, error_message } = objectOf(ended?.status)
  if (ended === undefined || error_code === undefined || error_code === 'OK') return undefined
  return `${error_message ?? error ?? error_code}`
}
