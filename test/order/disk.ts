import { dirname } from 'node:path'
import type { Event } from './trace.ts'

/**
 * What a disk may have lost, at each instant of a trace, if the power failed then: data until its file is synced,
 * names (made or removed) until their directory is.
 */
export interface Disk {
  /** Whether data written to the file could be lost. */
  readonly isDataLoose: (path: string) => boolean
  /** Whether the name, or that of a directory above it (below `within`), could be lost. */
  readonly isNameLoose: (path: string, within?: string) => boolean
  /** Whether the trace has made or replaced the name. */
  readonly isMade: (path: string) => boolean
  /** Whether the trace has removed the name, and it cannot come back. */
  readonly isGoneForGood: (path: string) => boolean
  readonly isGone: (path: string) => boolean
  /** What the trace has made or written below a directory. */
  readonly below: (directory: string) => readonly string[]
  readonly apply: (event: Event) => void
}

interface Name {
  readonly present: boolean
  /** When the change was done; a sync that began earlier may not have seen it. */
  readonly changed: number
  readonly durable: boolean
}

export function createDisk(): Disk {
  const names = new Map<string, Name>()
  /** End of the last write that no sync has covered. */
  const loose = new Map<string, number>()

  const change = (path: string, present: boolean, { end }: Event): void => {
    names.set(path, { present, changed: end, durable: false })
  }

  const below = (directory: string): readonly string[] =>
    [...new Set([...names.keys(), ...loose.keys()])].filter(
      (path) => path.startsWith(`${directory}/`) && names.get(path)?.present !== false,
    )

  const move = (event: Event & { readonly kind: 'rename' }): void => {
    const { from, path } = event
    for (const inner of below(from)) {
      const to = `${path}${inner.slice(from.length)}`
      const name = names.get(inner)
      const written = loose.get(inner)
      names.delete(inner)
      loose.delete(inner)
      if (name !== undefined) names.set(to, name)
      if (written !== undefined) loose.set(to, written)
    }
    const written = loose.get(from)
    loose.delete(from)
    if (written === undefined) loose.delete(path)
    else loose.set(path, written)
    change(from, false, event)
    change(path, true, event)
  }

  const sync = ({ path: synced, start }: Event): void => {
    const written = loose.get(synced)
    if (written !== undefined && written < start) loose.delete(synced)
    for (const [path, name] of names) {
      if (dirname(path) === synced && name.changed < start) names.set(path, { ...name, durable: true })
    }
  }

  return {
    below,
    isDataLoose: (path) => loose.has(path),
    isMade: (path) => names.get(path)?.present === true,
    isGone: (path) => names.get(path)?.present === false,
    isGoneForGood: (path) => {
      const name = names.get(path)
      return name !== undefined && !name.present && name.durable
    },
    isNameLoose(path, within = '/') {
      for (let at = path; at !== within; at = dirname(at)) if (names.get(at)?.durable === false) return true
      return false
    },
    apply(event) {
      switch (event.kind) {
        case 'write':
          loose.set(event.path, event.end)
          break
        case 'sync':
          sync(event)
          break
        case 'rename':
          move(event)
          break
        case 'link': {
          const written = loose.get(event.from)
          if (written !== undefined) loose.set(event.path, written)
          change(event.path, true, event)
          break
        }
        case 'create':
          if (names.get(event.path)?.present !== true) change(event.path, true, event)
          break
        case 'mkdir':
        case 'symlink':
          change(event.path, true, event)
          break
        case 'remove':
          loose.delete(event.path)
          change(event.path, false, event)
          break
      }
    },
  }
}
