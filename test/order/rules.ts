import { dirname } from 'node:path'
import { createDisk, type Disk } from './disk.ts'
import type { Event } from './trace.ts'

/** What the names of a trace mean. */
export interface Meaning {
  /** Names that must hold after a loss of power. Temporary files, locks and what is outside of the places are not. */
  readonly isKept: (path: string) => boolean
  /** What a name refers to in the end; only its last publication is held against it. */
  readonly references: (path: string) => readonly string[]
  /** What a name referred to when the trace began. */
  readonly formerReferences: ReadonlyMap<string, readonly string[]>
  /** Whether the name stood there before the trace. */
  readonly stoodBefore: (path: string) => boolean
  /** What has to stand before a name may go that lies outside of the places: of a file that was moved in. */
  readonly replacedBy: (path: string) => readonly string[]
}

export interface Violation {
  readonly rule: /** A name is given to a file whose data is not synced. */
    | 'data'
    /** A directory is given its name before all that is in it is synced. */
    | 'tree'
    /** A kept name is written to where everybody sees it. */
    | 'in-place'
    /** A name is made in a directory that could itself be lost. */
    | 'directory'
    /** A name is made before what it refers to is durable, or is there. */
    | 'reference'
    /** A name goes before what refers to it is gone for good. */
    | 'removal'
    /** A file that was moved into the store goes before what leads to it there is durable. */
    | 'moved'
    /** The command has succeeded, and a name could still be lost. */
    | 'end'
  readonly path: string
  readonly why: string
}

/** What in the trace breaks the order of writes (docs/design.md, "The store"), in the order of the trace. */
export function violationsOf(events: readonly Event[], meaning: Meaning): readonly Violation[] {
  const disk = createDisk()
  const violations: Violation[] = []
  const last = lastPublications(events)
  for (const step of stepsOf(events)) {
    if (step.isEnd) disk.apply(step.event)
    else violations.push(...check(disk, step.event, { meaning, isLast: last.has(step.event) }))
  }
  for (const path of publishedPaths(events)) {
    if (!meaning.isKept(path) || disk.isGone(path) || !disk.isMade(path)) continue
    if (disk.isNameLoose(path) || disk.isDataLoose(path))
      violations.push({ rule: 'end', path, why: 'not durable when the command ended' })
  }
  return violations
}

/** Kept names in the order in which they were made, as it was recorded. */
export function publications(events: readonly Event[], { isKept }: Meaning): readonly string[] {
  return events.filter(isPublication).flatMap(({ path }) => (isKept(path) ? path : []))
}

interface Step {
  readonly event: Event
  readonly isEnd: boolean
}

/** What a call needs must hold when it begins, and what it does counts only once it has ended. */
function stepsOf(events: readonly Event[]): readonly Step[] {
  const steps = events.flatMap((event) => [
    { at: event.start, event, isEnd: false },
    { at: event.end, event, isEnd: true },
  ])
  return steps.sort((a, b) => a.at - b.at || Number(a.isEnd) - Number(b.isEnd))
}

interface Context {
  readonly meaning: Meaning
  readonly isLast: boolean
}

function check(disk: Disk, event: Event, context: Context): readonly Violation[] {
  const { isKept } = context.meaning
  switch (event.kind) {
    case 'write':
    case 'create':
      return isKept(event.path) ? [{ rule: 'in-place', path: event.path, why: event.kind }] : []
    case 'sync':
      return []
    case 'remove':
      return [
        ...checkRemoval(disk, event.path, context.meaning),
        ...checkMoved(disk, event.path, context.meaning),
      ]
    case 'rename':
      return [...checkRemoval(disk, event.from, context.meaning), ...checkPublication(disk, event, context)]
    case 'link':
    case 'symlink':
    case 'mkdir':
      return checkPublication(disk, event, context)
  }
}

function checkPublication(
  disk: Disk,
  event: Publication,
  { meaning, isLast }: Context,
): readonly Violation[] {
  const { path } = event
  if (!meaning.isKept(path)) return []
  const violations: Violation[] = []
  const from = 'from' in event ? event.from : undefined
  if (from !== undefined && disk.isDataLoose(from)) violations.push({ rule: 'data', path, why: `of ${from}` })
  if (event.kind === 'rename') {
    for (const inner of disk.below(event.from)) {
      if (disk.isDataLoose(inner) || disk.isNameLoose(inner, event.from))
        violations.push({ rule: 'tree', path, why: `${inner} is not durable` })
    }
  }
  const directory = dirname(path)
  // A directory within one that was made just before is synced with it.
  if (event.kind !== 'mkdir' && disk.isNameLoose(directory))
    violations.push({ rule: 'directory', path, why: `${directory} is not durable` })
  if (!isLast) return violations
  for (const reference of meaning.references(path)) {
    const why = lackOf(disk, reference, meaning)
    if (why !== undefined) violations.push({ rule: 'reference', path, why })
  }
  return violations
}

function lackOf(disk: Disk, path: string, { stoodBefore }: Meaning): string | undefined {
  const isThere = disk.isMade(path) || (stoodBefore(path) && !disk.isGone(path))
  if (!isThere) return `${path} is not there`
  return disk.isNameLoose(path) || disk.isDataLoose(path) ? `${path} is not durable` : undefined
}

function checkMoved(disk: Disk, path: string, meaning: Meaning): readonly Violation[] {
  return meaning.replacedBy(path).flatMap((replacement): Violation[] => {
    const why = lackOf(disk, replacement, meaning)
    return why === undefined ? [] : [{ rule: 'moved', path, why }]
  })
}

function checkRemoval(disk: Disk, path: string, meaning: Meaning): readonly Violation[] {
  if (!meaning.isKept(path)) return []
  const violations: Violation[] = []
  for (const [referrer, references] of meaning.formerReferences) {
    if (!references.includes(path)) continue
    if (disk.isGoneForGood(referrer)) continue
    const leadsElsewhere = disk.isMade(referrer) && !disk.isNameLoose(referrer)
    if (leadsElsewhere && !meaning.references(referrer).includes(path)) continue
    violations.push({ rule: 'removal', path, why: `${referrer} still refers to it` })
  }
  return violations
}

type Publication = Exclude<Event, { readonly kind: 'write' | 'sync' | 'create' | 'remove' }>

function isPublication(event: Event): event is Publication {
  return ['rename', 'link', 'symlink', 'mkdir'].includes(event.kind)
}

function publishedPaths(events: readonly Event[]): ReadonlySet<string> {
  return new Set(events.filter(isPublication).map(({ path }) => path))
}

function lastPublications(events: readonly Event[]): ReadonlySet<Event> {
  return new Set(new Map(events.filter(isPublication).map((event) => [event.path, event])).values())
}
