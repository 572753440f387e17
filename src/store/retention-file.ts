import { rm } from 'node:fs/promises'
import { BallastError, readIfPresent, syncDirectory, writeFileDurably } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import { fileOptions, type StoreLayout } from './layout.ts'
import type { RetentionPolicy } from './retention.ts'
import type { Session } from './session.ts'

/** What `gc` keeps of a store, for all who run it there. */
export interface RetentionFile {
  /** Undefined where there is none. Throws DAMAGED, because a part of it would keep less than was meant. */
  read(): Promise<RetentionPolicy | undefined>
  /** In the place of the former one; undefined removes it. */
  write(session: Session, policy: RetentionPolicy | undefined): Promise<void>
}

const KEYS = ['keepLast', 'keepWithinMs', 'budget'] as const

export function createRetentionFile(layout: StoreLayout): RetentionFile {
  const path = layout.retention
  return {
    async read() {
      const bytes = await readIfPresent(path)
      if (bytes === undefined) return undefined
      const { version, ...fields } = parseJson(bytes) ?? {}
      const isKnown = Object.entries(fields).every(
        ([key, value]) => KEYS.includes(key as (typeof KEYS)[number]) && isCount(value),
      )
      if (version === 1 && isKnown && Object.keys(fields).length > 0) return fields as RetentionPolicy
      throw new BallastError('DAMAGED', `${path} cannot be read`, {
        hint: 'write it again: ballast gc --set-policy --keep-last N, or remove it: ballast gc --unset-policy',
      })
    },
    async write(session, policy) {
      if (policy === undefined) {
        await rm(path, { force: true })
        await syncDirectory(layout.own)
        return
      }
      await writeFileDurably(
        path,
        `${JSON.stringify({ version: 1, ...policy })}\n`,
        fileOptions(layout, session),
      )
    },
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
