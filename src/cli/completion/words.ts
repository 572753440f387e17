import type { Option } from 'commander'
import type { Store } from '../../store/index.ts'
import type { KnownWord } from '../../workflows/known-words.ts'
import type { Line } from './position.ts'

/** What may stand in a place: words that are known, and what the shell itself completes. */
export interface Offer {
  readonly words: readonly KnownWord[]
  readonly rest: 'none' | 'files' | 'directories'
}

type Kind =
  | 'references'
  | 'models'
  | 'tags'
  | 'stages'
  | 'targets'
  | 'volumes'
  | 'images'
  | 'remotes'
  | 'apps'
  | 'files'
  | 'directories'

/** By the names that usages give their operands. */
const OPERANDS: Readonly<Record<string, readonly Kind[]>> = {
  ref: ['references'],
  'ref|path': ['references', 'files'],
  other: ['references'],
  version: ['references'],
  name: ['models'],
  tag: ['tags'],
  stage: ['stages'],
  operand: ['references', 'targets', 'volumes', 'images', 'files'],
  // A version, and then where it goes.
  operands: ['references'],
  target: ['targets', 'volumes', 'apps', 'directories'],
  image: ['images', 'files'],
  from: ['references', 'remotes', 'files'],
  to: ['remotes', 'files'],
  remote: ['remotes', 'files'],
  app: ['apps'],
  subject: ['references', 'files'],
  source: ['files'],
  file: ['files'],
  directory: ['directories'],
  arguments: ['files'],
}

const BEHIND_THE_FIRST: Readonly<Record<string, readonly Kind[]>> = {
  operands: ['references', 'images', 'remotes', 'files'],
}

/** By the names that options give their values. */
const VALUES: Readonly<Record<string, readonly Kind[]>> = {
  ref: ['references'],
  file: ['files'],
  path: ['files'],
  dir: ['directories'],
  image: ['images'],
}

/** Behind which something else is named. */
const PREFIXES: Partial<Readonly<Record<Kind, readonly string[]>>> = {
  volumes: ['volume:'],
  images: ['image:'],
  remotes: ['oci:', 'archive:'],
}

/** Of an operand that may be anything. */
const ANY_OPERAND = ['container:', 'oci:', 'archive:']

export async function offerFor(line: Line, store: () => Promise<Store>): Promise<Offer> {
  const { position } = line
  if (position.kind === 'value') {
    const { argChoices = [] } = position.option
    if (argChoices.length > 0) return fixed(argChoices)
    return offerOf(VALUES[placeholder(position.option)] ?? [], line, store)
  }
  if (position.kind === 'other') return { words: [], rest: 'files' }
  if (position.kind !== 'operand') return fixed([])
  if (position.choices.length > 0) return fixed(position.choices)
  const of = position.at > 0 ? (BEHIND_THE_FIRST[position.name] ?? OPERANDS[position.name]) : undefined
  const offer = await offerOf(of ?? OPERANDS[position.name] ?? [], line, store)
  if (position.name !== 'operand') return offer
  return { ...offer, words: [...offer.words, ...ANY_OPERAND.map((word) => ({ word }))] }
}

function fixed(words: readonly string[]): Offer {
  return { words: words.map((word) => ({ word })), rest: 'none' }
}

function placeholder({ flags }: Option): string {
  return /[<[]([^>\].]+)/.exec(flags)?.[1] ?? ''
}

async function offerOf(kinds: readonly Kind[], line: Line, store: () => Promise<Store>): Promise<Offer> {
  const words: KnownWord[] = []
  for (const kind of kinds) {
    // A store that cannot be read has nothing to offer; whoever then runs the verb is told why.
    words.push(...(await wordsOf(kind, line, store).catch(() => [])))
    words.push(...(PREFIXES[kind] ?? []).map((word) => ({ word })))
  }
  const rest = kinds.includes('files') ? 'files' : kinds.includes('directories') ? 'directories' : 'none'
  return { words, rest }
}

async function wordsOf(
  kind: Kind,
  { typed, operands }: Line,
  store: () => Promise<Store>,
): Promise<readonly KnownWord[]> {
  if (kind === 'files' || kind === 'directories') return []
  if (kind === 'apps') {
    const { readAppFile } = await import('../../workflows/read-app-file.ts')
    return ((await readAppFile('.'))?.apps ?? []).map(({ name }) => ({ word: name }))
  }
  const known = await import('../../workflows/known-words.ts')
  const [reference = ''] = operands
  if (kind === 'references') return known.knownReferences(await store(), typed, { numbers: true })
  if (kind === 'models') return known.knownReferences(await store(), typed, { numbers: false })
  if (kind === 'tags') return known.knownTags(await store(), reference)
  if (kind === 'stages') return known.knownStages(await store(), reference)
  return known.knownPlaces(await store(), USES[kind])
}

const USES = { targets: 'target', volumes: 'volume', images: 'image', remotes: 'remote' } as const
