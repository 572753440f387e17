import { randomBytes } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSilent, isSystemError, listIfPresent, makeShared } from '../core/index.ts'
import type { StoreLayout } from './layout.ts'

/** In milliseconds; long enough for a client, or this machine, to be started again. */
export const UPLOAD_IDLE_MS = 60 * 60_000

/**
 * Files that grow while a blob arrives, over any number of requests and processes. Nothing relies on them, and whoever
 * has none to go on with begins again; `gc` removes those that nobody has added to for an hour.
 */
export interface UploadFiles {
  /** Makes an empty one, of a name that cannot be guessed. */
  create(): Promise<string>
  /** Where it is to be read and written; checked not to lead elsewhere. Undefined for what is no name of one. */
  path(id: string): string | undefined
  /** In bytes; undefined when there is none. */
  size(id: string): Promise<number | undefined>
  remove(id: string): Promise<void>
  count(): Promise<number>
  /** Names of those that nobody has added to for so long. */
  idle(forMs: number): Promise<readonly string[]>
}

const NAME = /^[0-9a-f]{32}$/

export function createUploadFiles({ uploads, sharing }: StoreLayout): UploadFiles {
  const pathOf = (id: string): string => join(uploads, id)
  return {
    path: (id) => (NAME.test(id) ? pathOf(id) : undefined),
    async create() {
      const id = randomBytes(16).toString('hex')
      await makeShared(uploads, sharing)
      await (await open(pathOf(id), 'wx', 0o644)).close()
      return id
    },
    async size(id) {
      if (!NAME.test(id)) return undefined
      try {
        return (await stat(pathOf(id))).size
      } catch (error) {
        if (isSystemError(error, 'ENOENT')) return undefined
        throw error
      }
    },
    async remove(id) {
      if (NAME.test(id)) await rm(pathOf(id), { force: true })
    },
    count: async () => (await listIfPresent(uploads)).length,
    async idle(forMs) {
      const idle: string[] = []
      for (const name of await listIfPresent(uploads)) {
        if (NAME.test(name) && (await isSilent(pathOf(name), forMs))) idle.push(name)
      }
      return idle
    },
  }
}
