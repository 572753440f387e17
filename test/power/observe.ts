import { existsSync, readdirSync } from 'node:fs'
import { ask } from '../fixtures/command.ts'

/** What the command says of a model. */
export interface Observed {
  readonly moves: readonly Move[]
  readonly versions: readonly Version[]
}

export interface Move {
  readonly time: string
  readonly tag: string
  readonly by: string
  readonly digest?: string
}

export interface Version {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
  /** What was attached. */
  readonly figures: Readonly<Record<string, number>>
}

export const NOTHING: Observed = { moves: [], versions: [] }

/** Of a store at rest, as far as these models go. */
export async function observe(store: string, models: readonly string[]): Promise<readonly Observed[]> {
  const versions = await ask<Version[]>(['list'], { store })
  return Promise.all(
    models.map(async (model) => ({
      // A version whose tag was still to come has no history yet.
      moves: hasTags(store, model) ? await ask<Move[]>(['history', model], { store }) : [],
      versions: versions.filter(({ ref }) => ref.startsWith(`${model}:`)),
    })),
  )
}

function hasTags(store: string, model: string): boolean {
  const directory = `${store}/ballast/repositories/${model}/tags`
  return (
    existsSync(directory) &&
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).some((path) => path.endsWith('.json'))
  )
}

/** One move for all time: what is told beside it, as the number, changes when a version goes. */
export function keyOf({ time, tag, by, digest }: Move): string {
  return [time, tag, by, digest ?? 'none'].join(' ')
}

/** The digest that each tag points to. */
export function tagsOf({ versions }: Observed): ReadonlyMap<string, string> {
  return new Map(versions.flatMap(({ digest, tags }) => tags.map((tag) => [tag, digest] as const)))
}
