import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, type Digest, isDigest, isSystemError, writeFileDurably } from '../core/index.ts'
import { decodeProof, isGenerationId, objectOf, type Proof, parseJson } from '../model/index.ts'
import type { Retention } from './generations.ts'
import { STATE } from './names.ts'
import type { DeliveredTree } from './tree.ts'

/** One version that a link has led to. `id` names its directory below `.ballast/versions/`; `time` is ISO 8601. */
export interface Generation {
  readonly id: string
  readonly digest: Digest
  readonly number: number
  readonly time: string
  readonly by: string
  /** Where an application was to take it over while it ran. */
  readonly proof?: Proof
}

/** A version that an application did not take. It is not tried again until the tag moves. */
export interface Refused {
  readonly digest: Digest
  readonly number: number
  readonly time: string
  readonly why: string
}

/** What stands behind one link of a following target. */
export interface Followed {
  readonly model: string
  readonly reference: string
  /** All entries of the version are found at the root as well, and it moves only when it is told to. */
  readonly flat?: true
  /** It moves only when it is told to, as a flat one does. */
  readonly pinned?: true
  /** Of a server's layout: how many former versions it shows, where that was asked for. */
  readonly keep?: number
  /** Which former versions stay, where that was asked for: a directory may be shared by targets that differ in it. */
  readonly retain?: Required<Retention>
  /** Links at the target's root beside the directory link, for a model of one file and for a flat one. */
  readonly files: readonly string[]
  /** Oldest first; the last one is what the link leads to. */
  readonly generations: readonly Generation[]
  readonly refused?: Refused
}

/** `.ballast/state.json`. The links are the truth; this tells people and tools what stands behind them. */
export interface TargetRecord {
  readonly version: 1
  readonly models: Readonly<Record<string, Followed>>
}

const LONGEST_HISTORY = 100

export { isGenerationId }

/** Nothing in it is believed that Ballast would not have written: a container may be able to. Throws DAMAGED. */
export async function readState(target: string): Promise<TargetRecord> {
  const path = join(target, STATE)
  try {
    return decodeState(await readFile(path), path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { version: 1, models: {} }
    throw error
  }
}

/** `path` is for the message. Throws DAMAGED. */
export function decodeState(bytes: Uint8Array, path: string): TargetRecord {
  const parsed = parseJson(bytes)
  const models = Object.entries(objectOf(parsed?.models)).map(
    ([name, value]) => [name, decodeFollowed(value)] as const,
  )
  if (parsed?.version === 1 && models.every(([, followed]) => followed !== undefined)) {
    return { version: 1, models: Object.fromEntries(models) as Record<string, Followed> }
  }
  throw new BallastError('DAMAGED', `${path} cannot be read`, { hint: 'delete that file and mount again' })
}

function decodeFollowed(value: unknown): Followed | undefined {
  const { model, reference, flat, pinned, keep, retain, files, generations, refused } = objectOf(value)
  if (typeof model !== 'string' || typeof reference !== 'string') return undefined
  if (
    !Array.isArray(files) ||
    !files.every((file) => typeof file === 'string' && !/[/\0]|^\.{0,2}$/.test(file))
  )
    return undefined
  const decoded = Array.isArray(generations) ? generations.map(decodeGeneration) : [undefined]
  if ((flat !== undefined && flat !== true) || (pinned !== undefined && pinned !== true)) return undefined
  if (keep !== undefined && (typeof keep !== 'number' || !Number.isSafeInteger(keep))) return undefined
  const kind = {
    ...(flat === true && { flat: true as const }),
    ...(pinned === true && { pinned: true as const }),
    ...(keep !== undefined && { keep }),
    ...decodeRetention(retain),
  }
  return decoded.every((generation) => generation !== undefined)
    ? { model, reference, ...kind, files, generations: decoded, ...decodeRefused(refused) }
    : undefined
}

/** What is no number is as if nothing had been asked for. */
function decodeRetention(value: unknown): Pick<Followed, 'retain'> {
  const { keep, graceMs } = objectOf(value)
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) >= 0
  return isCount(keep) && isCount(graceMs) ? { retain: { keep, graceMs } } : {}
}

function decodeRefused(value: unknown): { readonly refused?: Refused } {
  const { digest, number, time, why } = objectOf(value)
  const proof = decodeProof({ is: 'failed', why })
  if (typeof digest !== 'string' || !isDigest(digest) || typeof number !== 'number') return {}
  if (typeof time !== 'string' || proof?.why === undefined) return {}
  return { refused: { digest, number, time, why: proof.why } }
}

function decodeGeneration(value: unknown): Generation | undefined {
  const { id, digest, number, time, by, proof: said } = objectOf(value)
  if (typeof id !== 'string' || !isGenerationId(id) || typeof digest !== 'string' || !isDigest(digest))
    return undefined
  if (typeof number !== 'number' || typeof time !== 'string' || typeof by !== 'string') return undefined
  const proof = decodeProof(said)
  return { id, digest, number, time, by, ...(proof && { proof }) }
}

/** Whether a link shows one version until it is told to show another. */
export function isPinned({ flat, pinned }: Pick<Followed, 'flat' | 'pinned'>): boolean {
  return flat === true || pinned === true
}

export async function writeState(target: string, state: TargetRecord): Promise<void> {
  await writeFileDurably(join(target, STATE), encodeState(state), { mode: 0o644 })
}

export function encodeState(state: TargetRecord): string {
  return `${JSON.stringify(state, undefined, 2)}\n`
}

/**
 * After a kill between link and state, the link is ahead: what it leads to (`id`) is taken into the record first, as of `time`
 * (ISO 8601).
 */
export async function withUnrecorded(
  recorded: Followed,
  {
    id,
    readGeneration,
    time = new Date().toISOString(),
  }: {
    readonly id: string | undefined
    readonly readGeneration: (id: string) => Promise<DeliveredTree | undefined>
    readonly time?: string
  },
): Promise<Followed> {
  if (id === undefined || !isGenerationId(id) || id === recorded.generations.at(-1)?.id) return recorded
  const tree = await readGeneration(id)
  if (tree === undefined) return recorded
  const { digest, number } = tree.marker
  return withGeneration(recorded, { id, digest, number, time, by: 'unrecorded' })
}

export function withGeneration(followed: Followed, generation: Generation): Followed {
  return { ...followed, generations: [...followed.generations, generation].slice(-LONGEST_HISTORY) }
}
