import { dirname, resolve } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Digest,
  digestOf,
  isSystemError,
  readIfPresent,
  writeFileDurably,
} from '../core/index.ts'
import {
  type Continuation,
  continuationOf,
  decodeHeads,
  encodeHeads,
  type Head,
  HISTORY_HEADS,
  type HistoryHeads,
  hasVersion,
  headOf,
  isBucketAddress,
  LATEST,
  type ModelHeads,
  parseOperand,
} from '../model/index.ts'
import { listModels, openBucketRepository } from '../remotes/index.ts'
import { breaksOf, type LinkedLog, type Store } from '../store/index.ts'
import {
  decodeStatement,
  formatSignedBy,
  type PublicKey,
  readBundle,
  type Signer,
  type Statement,
  signStatement,
  verifyStatement,
} from '../trust/index.ts'
import { openBucketRemote, openBucketRoot } from './bucket-remotes.ts'
import type { ImageAccess } from './image-places.ts'
import { parseModelReference, requireName } from './resolve.ts'

export const HISTORY_PREDICATE = 'https://ballast.dev/history/v1'

/** The store, or a place in a bucket. `operand` is undefined for all models of the store. */
export interface HistoryPlace {
  readonly store: () => Promise<Store>
  readonly operand: string | undefined
  readonly access: ImageAccess
}

export interface ExportedHeads {
  readonly file: string
  readonly place: string
  readonly time: string
  readonly histories: number
  readonly records: number
  /** `key 3f2a…`; undefined where it was not signed. */
  readonly signedBy: string | undefined
}

/** Writes how far the histories have come, so that whoever keeps the file can tell later whether one was rewritten. */
export async function exportHeads(
  from: HistoryPlace,
  { file, signer }: { readonly file: string; readonly signer?: Signer | undefined },
  options: CallOptions = {},
): Promise<ExportedHeads> {
  const { place, models } = await readLogs(from, options)
  const logs = [...models.values()].flat()
  if (logs.length === 0) {
    throw new BallastError('NOT_FOUND', `there is no history of ${from.operand ?? 'any model'} in ${place}`, {
      hint: 'a tag that never pointed anywhere has none; see `ballast history NAME`',
    })
  }
  const entries = [...models].map(([name, logs]) => [name, headsOf(logs)] as const)
  const time = new Date().toISOString()
  const heads: HistoryHeads = { mediaType: HISTORY_HEADS, place, time, models: Object.fromEntries(entries) }
  const bytes = signer === undefined ? encodeHeads(heads) : signStatement(signer, statementOf(heads))
  await writeFileDurably(resolve(file), bytes).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
    throw new BallastError(
      'NOT_FOUND',
      `there is no directory ${dirname(resolve(file))} to write ${file} into`,
      {
        hint: 'make it first, or name another file',
      },
    )
  })
  return {
    ...{ file, place, time, histories: logs.length },
    records: logs.reduce((sum, { links }) => sum + links.length, 0),
    signedBy: signer && formatSignedBy({ kind: 'key', keyId: signer.publicKey.id }),
  }
}

export type CheckedHistory = {
  /** `sentiment:prod`, `sentiment (numbers)` or `sentiment:prod (policy)`. */
  readonly history: string
  readonly was: number
  readonly now: number
} & (
  | { readonly state: 'unchanged' | 'continued' }
  | {
      readonly state: 'rewritten'
      /** The first record that is not what it was, or does not continue the one before it. */
      readonly record: number
      readonly path: string
      readonly why: string
    }
)

export interface CheckedHeads {
  readonly place: string
  /** When the file was written, as it says. */
  readonly time: string
  /** Undefined where it was not signed, or no key was given. */
  readonly signedBy: string | undefined
  readonly isSigned: boolean
  readonly histories: readonly CheckedHistory[]
  readonly rewritten: number
}

/**
 * Whether the histories of today go on from those in the file. What has come since is no concern; what is gone is. Throws USAGE for
 * a file of anything else, REFUSED where it is not signed by the key, and NOT_FOUND where it knows nothing of the operand.
 */
export async function checkHeads(
  at: HistoryPlace,
  { file, key }: { readonly file: string; readonly key?: PublicKey | undefined },
  options: CallOptions = {},
): Promise<CheckedHeads> {
  const { heads, isSigned, signedBy } = await readHeads(file, key)
  const wanted = Object.entries(heads.models)
  const { models, only } = await readLogs(at, options, new Set(wanted.map(([name]) => name)))
  const histories = wanted
    .filter(([name]) => only === undefined || only.name === name)
    .flatMap(([name, former]) => checkModel({ name, former, logs: models.get(name) ?? [], tag: only?.tag }))
  if (histories.length === 0) {
    throw new BallastError('NOT_FOUND', `${file} holds no history of ${at.operand ?? 'any model'}`, {
      hint: `it was written of ${heads.place}, with: ${wanted.map(([name]) => name).join(', ') || 'no model'}`,
    })
  }
  return {
    ...{ place: heads.place, time: heads.time, isSigned, signedBy, histories },
    rewritten: histories.filter(({ state }) => state === 'rewritten').length,
  }
}

interface Logs {
  readonly place: string
  readonly models: ReadonlyMap<string, readonly LinkedLog[]>
  /** What the operand names; undefined for all. */
  readonly only: { readonly name: string; readonly tag: string | undefined } | undefined
}

/** `known` are models that somebody knows to have been there. */
async function readLogs(
  { store: openStore, operand, access }: HistoryPlace,
  options: CallOptions,
  known: ReadonlySet<string> = new Set(),
): Promise<Logs> {
  if (operand !== undefined && isBucketAddress(operand)) return readBucketLogs(operand, access, options)
  if (operand !== undefined && parseOperand(operand).kind !== 'name') {
    throw new BallastError('USAGE', `${operand} has no history that is chained`, {
      hint: 'name a model of the store, or one in a bucket (s3://BUCKET/PATH/NAME), or none for all of the store',
    })
  }
  const store = await openStore()
  const reference = operand === undefined ? undefined : parseModelReference(operand)
  if (operand !== undefined && reference !== undefined && !known.has(reference.name))
    await requireName(store, operand)
  const names = reference === undefined ? await store.records.listNames() : [reference.name]
  const models = new Map<string, readonly LinkedLog[]>()
  const tag = operand !== undefined && hasVersion(operand) ? (reference?.tag ?? LATEST) : undefined
  for (const name of names) models.set(name, ofTag(await store.records.logs(name), tag))
  return { place: store.root, models, only: reference && { name: reference.name, tag } }
}

async function readBucketLogs(operand: string, access: ImageAccess, options: CallOptions): Promise<Logs> {
  const models = new Map<string, readonly LinkedLog[]>()
  if (operand.endsWith('/')) {
    const { bucket, root, address } = await openBucketRoot(operand, access)
    for (const name of await listModels(bucket, root, options)) {
      const { records } = openBucketRepository(bucket, { root, name })
      models.set(name, await records.logs(options))
    }
    return { place: address, models, only: undefined }
  }
  const { repository, model, reference, isStated, at } = await openBucketRemote(operand, access)
  const tag = isStated ? reference : undefined
  models.set(model, ofTag(await repository.records.logs(options), tag))
  return { place: at('').replace(/:$/, ''), models, only: { name: model, tag } }
}

function ofTag(logs: readonly LinkedLog[], tag: string | undefined): readonly LinkedLog[] {
  return tag === undefined ? logs : logs.filter(({ kind, of }) => kind !== 'versions' && of === tag)
}

function headsOf(logs: readonly LinkedLog[]): ModelHeads {
  const of = (wanted: LinkedLog['kind']): readonly (readonly [string, Head])[] =>
    logs.flatMap(({ kind, of, links }) => {
      const head = kind === wanted ? headOf(links) : undefined
      return head === undefined ? [] : [[of, head] as const]
    })
  const versions = of('versions')[0]?.[1]
  return {
    ...(versions && { versions }),
    tags: Object.fromEntries(of('tags')),
    policies: Object.fromEntries(of('policies')),
  }
}

function checkModel({
  name,
  former,
  logs,
  tag,
}: {
  readonly name: string
  readonly former: ModelHeads
  readonly logs: readonly LinkedLog[]
  readonly tag: string | undefined
}): readonly CheckedHistory[] {
  const heads: (readonly [LinkedLog['kind'], string, Head])[] = [
    ...(former.versions ? [['versions', '', former.versions] as const] : []),
    ...Object.entries(former.tags).map(([of, head]) => ['tags', of, head] as const),
    ...Object.entries(former.policies).map(([of, head]) => ['policies', of, head] as const),
  ]
  return heads
    .filter(([kind, of]) => tag === undefined || (kind !== 'versions' && of === tag))
    .map(([kind, of, head]) => {
      const log = logs.find((candidate) => candidate.kind === kind && candidate.of === of)
      return checkLog(nameOf(name, kind, of), head, log)
    })
}

function checkLog(history: string, head: Head, log: LinkedLog | undefined): CheckedHistory {
  const links = log?.links ?? []
  const counts = { history, was: head.sequence, now: links.at(-1)?.sequence ?? 0 }
  const found = firstDifference(head, links)
  if (found.state !== 'rewritten') return { ...counts, state: found.state }
  const { state, sequence, why } = found
  return { ...counts, state, record: sequence, path: log?.pathOf(sequence) ?? 'the whole history', why }
}

/** A record behind the head that does not continue it is no less rewritten than one before it. */
function firstDifference(head: Head, links: LinkedLog['links']): Continuation {
  const found = continuationOf(head, links)
  if (found.state === 'rewritten') return found
  const broken = breaksOf(links).find(({ sequence }) => sequence >= head.sequence)
  if (broken === undefined) return found
  // That one is what it was: it is the next that does not continue it.
  return broken.sequence === head.sequence
    ? { state: 'rewritten', sequence: head.sequence + 1, why: 'does not continue the one before it' }
    : { state: 'rewritten', ...broken }
}

function nameOf(name: string, kind: LinkedLog['kind'], of: string): string {
  if (kind === 'versions') return `${name} (numbers)`
  return kind === 'tags' ? `${name}:${of}` : `${name}:${of} (policy)`
}

function statementOf(heads: HistoryHeads): Statement {
  return {
    subjects: [subjectOf(heads)],
    predicateType: HISTORY_PREDICATE,
    predicate: heads as unknown as Statement['predicate'],
  }
}

function subjectOf(heads: HistoryHeads): Digest {
  return digestOf(encodeHeads(heads))
}

async function readHeads(
  file: string,
  key: PublicKey | undefined,
): Promise<{ readonly heads: HistoryHeads } & Pick<CheckedHeads, 'isSigned' | 'signedBy'>> {
  const bytes = await readIfPresent(file)
  if (bytes === undefined) {
    throw new BallastError('NOT_FOUND', `${file}: no such file`, {
      hint: 'name a file that `ballast history --export FILE` wrote',
    })
  }
  const bundle = readBundle(bytes)
  const signed = bundle && decodeStatement(bundle.envelope.payload)
  const heads = decodeHeads(signed === undefined ? bytes : Buffer.from(JSON.stringify(signed.predicate)))
  if (heads === undefined) {
    throw new BallastError('USAGE', `${file} holds no heads of histories`, {
      hint: 'name a file that `ballast history --export FILE` wrote',
    })
  }
  if (key === undefined) return { heads, isSigned: signed !== undefined, signedBy: undefined }
  const refuse = (why: string): BallastError =>
    new BallastError('REFUSED', `${file} is not believed: ${why}`, {
      hint: 'get the file again from who keeps it, or name the key that it was signed with',
    })
  if (signed === undefined) throw refuse('it is not signed')
  const expected = { subject: subjectOf(heads), predicateType: HISTORY_PREDICATE }
  const verdict = await verifyStatement(bytes, { keys: [key] }, expected)
  if (!verdict.ok) throw refuse(verdict.why)
  return { heads, isSigned: true, signedBy: formatSignedBy(verdict.by) }
}
