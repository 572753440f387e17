import { join } from 'node:path'
import { listIfPresent, readEach } from '../core/index.ts'
import type { RepositoryName } from '../model/index.ts'
import { type Link, linkOf } from './chain.ts'
import { policiesPath, repositoryPath, type StoreLayout, versionsPath } from './layout.ts'
import { recordPath, sequencesIn } from './log.ts'

export type LogKind = 'tags' | 'versions' | 'policies'

/** One log of a model, as what is written there, record for record. */
export interface LinkedLog {
  readonly kind: LogKind
  /** The tag or stage; empty for the log of numbers. */
  readonly of: string
  readonly links: readonly Link[]
  /** Where a record stands, or would. */
  readonly pathOf: (sequence: number) => string
}

/** All logs of a model, from the files themselves: what is remembered of them is not asked. */
export async function linkedLogs(layout: StoreLayout, name: RepositoryName): Promise<readonly LinkedLog[]> {
  const found: { readonly kind: LogKind; readonly of: string; readonly directory: string }[] = [
    { kind: 'versions', of: '', directory: versionsPath(layout, name) },
  ]
  const tags = join(repositoryPath(layout, name), 'tags')
  for (const [kind, directory] of [
    ['tags', tags] as const,
    ['policies', policiesPath(layout, name)] as const,
  ]) {
    const names = [...(await listIfPresent(directory))].sort()
    found.push(...names.map((of) => ({ kind, of, directory: join(directory, of) })))
  }
  const logs: LinkedLog[] = []
  for (const { kind, of, directory } of found) {
    const links = await readLinks(directory)
    const pathOf = (sequence: number): string => recordPath(directory, sequence)
    if (links.length > 0) logs.push({ kind, of, links, pathOf })
  }
  return logs
}

async function readLinks(directory: string): Promise<readonly Link[]> {
  const links: Link[] = []
  const sequences = sequencesIn(directory)
  const paths = sequences.map((sequence) => recordPath(directory, sequence))
  await readEach(paths, (bytes, at) => links.push(linkOf(sequences[at] as number, bytes)))
  return links
}
