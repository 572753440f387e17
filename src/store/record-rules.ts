import { BallastError, type Digest } from '../core/index.ts'
import { type Json, numberOfTag, type Tag } from '../model/index.ts'
import type { LogEntry } from './log.ts'

export type Kind = 'model' | 'image'

/** One move of a tag. `digest` is null where the tag was removed. `time` is ISO 8601. */
export interface TagMove {
  readonly digest: Digest | null
  readonly kind: Kind
  readonly time: string
  readonly by: string
  /** Of a move that somebody has answered for; a stage with a policy has no other. */
  readonly promotion?: Promotion | undefined
}

export interface Promotion {
  /** For people: a user of a host, or what was said. */
  readonly who: string
  readonly why?: string | undefined
  /** Of the policy's document; none where the stage had no policy. */
  readonly policy?: Digest | undefined
  /** What was found for each rule of the policy. */
  readonly evidence?: readonly { readonly rule: string; readonly found: string }[] | undefined
}

/** A policy of a stage, or that there is none from then on. `time` is ISO 8601. */
export interface PolicyRecord {
  readonly policy: Json | null
  readonly time: string
  /** For people. */
  readonly who: string
  /** A statement about the policy, signed, in the form that `src/trust` reads. */
  readonly signature?: Json | undefined
}

/** A numbered version of a model; `from` is where it was added from, for people. */
export interface NumberedVersion {
  readonly number: number
  readonly digest: Digest
  readonly time: string
  readonly from: string
}

export type VersionRecord = NumberedVersion | { readonly removed: number; readonly time: string }

const live = new WeakMap<readonly LogEntry<VersionRecord>[], readonly NumberedVersion[]>()

/** Versions that were not removed, by rising number. The same list for the same log. */
export function liveVersions(log: readonly LogEntry<VersionRecord>[]): readonly NumberedVersion[] {
  const known = live.get(log)
  if (known !== undefined) return known
  const versions = new Map<number, NumberedVersion>()
  for (const { record } of log) {
    if ('removed' in record) versions.delete(record.removed)
    else versions.set(record.number, record)
  }
  const found = [...versions.values()].sort((a, b) => a.number - b.number)
  live.set(log, found)
  return found
}

export function stamped(move: Omit<TagMove, 'time'>): TagMove {
  return { ...move, time: new Date().toISOString() }
}

/**
 * Throws REFUSED for a move onto a stage with a policy that nobody answers for. `reference` names the stage, `version` what it would
 * be moved to, where that has another name than its digest; `first` is a command that has to come before the promotion.
 */
export function refusePoliced(
  { digest, promotion }: Pick<TagMove, 'digest' | 'promotion'>,
  policy: PolicyRecord | undefined,
  {
    reference,
    version,
    first,
  }: {
    readonly reference: string
    readonly version?: string | undefined
    readonly first?: string | undefined
  },
): void {
  if (digest === null || promotion !== undefined || policy === undefined || policy.policy === null) return
  const colon = reference.lastIndexOf(':')
  const ref = version ?? `${reference.slice(0, colon)}@${digest}`
  const promote = `ballast promote ${ref} ${reference.slice(colon + 1)}`
  throw new BallastError('REFUSED', `${reference} is a stage with a policy, and moves only by promotion`, {
    hint: `promote instead: ${first === undefined ? '' : `${first}, then `}${promote}`,
    details: { stage: reference },
  })
}

interface MoveOfTag {
  readonly name: string
  readonly tag: Tag
  readonly kind: Kind
}

/** Throws CONFLICT for a tag that is, or looks like, the number of a version (`versions`). */
export function refuseNumber({ name, tag, kind }: MoveOfTag, versions: readonly NumberedVersion[]): void {
  const number = numberOfTag(tag)
  if (number === undefined) return
  if (kind === 'image' && versions.every((version) => version.number !== number)) return
  throw new BallastError('CONFLICT', `${name}:${tag} is a version number, and numbers never move`, {
    hint: `choose a tag with a letter in it, for example ${name}:v${tag}`,
  })
}

/** `head` is the tag's last move. Throws CONFLICT for a tag of a model that an image would take, or the other way round. */
export function refuseOtherKind({ name, tag, kind }: MoveOfTag, head: TagMove | undefined): void {
  if (head === undefined || head.digest === null || head.kind === kind) return
  const owner = head.kind === 'model' ? 'a model' : 'an image'
  throw new BallastError('CONFLICT', `${name}:${tag} belongs to ${owner}`, {
    hint: `give the ${kind} another name or tag`,
  })
}

/** The records that remove versions, but for numbers that nothing has. */
export function removalsFrom(
  log: readonly LogEntry<VersionRecord>[],
  numbers: readonly number[],
): readonly VersionRecord[] {
  const live = new Set(liveVersions(log).map((version) => version.number))
  const time = new Date().toISOString()
  return numbers.filter((number) => live.has(number)).map((removed) => ({ removed, time }))
}

/**
 * The move that returns a tag to the newest former digest that differs from the present one and is not gone, or to the former
 * digest `to`. Throws CONFLICT where there is none.
 */
export function moveBack(
  log: readonly LogEntry<TagMove>[],
  {
    name,
    tag,
    gone,
    to,
  }: {
    readonly name: string
    readonly tag: string
    readonly gone: ReadonlySet<Digest>
    readonly to?: Digest | undefined
  },
): TagMove {
  const current = log.at(-1)?.record
  const former = log.findLast(
    ({ record: { digest } }) =>
      digest !== null &&
      digest !== current?.digest &&
      !gone.has(digest) &&
      (to === undefined || digest === to),
  )
  if (current === undefined || former === undefined) {
    const why =
      to !== undefined
        ? to === current?.digest
          ? `was ${to}, which it points to now`
          : `has never pointed to ${to}, or that was removed`
        : gone.size > 0
          ? 'pointed only to versions that were removed'
          : 'has never pointed anywhere else'
    throw new BallastError('CONFLICT', `before, ${name}:${tag} ${why}`, {
      hint: `see \`ballast history ${name}\``,
    })
  }
  return stamped({ digest: former.record.digest, kind: former.record.kind, by: 'rollback' })
}

export interface NumberRequest {
  readonly name: string
  readonly digest: Digest
  readonly from: string
  readonly wanted?: number | undefined
  /** By another store or remote: any number that is free may be taken, not only higher ones. */
  readonly given?: boolean
}

/** The number that these bytes have, or the record that gives them one. Throws CONFLICT where `wanted` cannot be had. */
export function claimFrom(
  log: readonly LogEntry<VersionRecord>[],
  { name, digest, from, wanted, given = false }: NumberRequest,
): { readonly held: NumberedVersion } | { readonly claim: NumberedVersion } {
  const held = liveVersions(log).find((version) => version.digest === digest)
  if (held !== undefined && (wanted === undefined || held.number === wanted)) return { held }
  if (held !== undefined) throw numberConflict(`${name}:${wanted}`, `these bytes are ${name}:${held.number}`)
  const highest = log.reduce((most, { record }) => Math.max(most, 'number' in record ? record.number : 0), 0)
  const isFree = given
    ? log.every(({ record }) => !('number' in record) || record.number !== wanted || record.digest === digest)
    : wanted === undefined || wanted > highest
  if (!isFree) {
    throw numberConflict(
      `${name}:${wanted}`,
      given ? 'others have it, or had it' : `the next free number is ${highest + 1}`,
    )
  }
  return { claim: { number: wanted ?? highest + 1, digest, time: new Date().toISOString(), from } }
}

function numberConflict(reference: string, why: string): BallastError {
  return new BallastError('CONFLICT', `${reference} cannot be given to these files: ${why}`, {
    hint: 'leave the number out to get the next one',
  })
}
