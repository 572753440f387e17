import { randomBytes } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freeSpace, isPresent, makeShared, systemCode } from '../core/index.ts'
import type { StoreLayout } from './layout.ts'

/** Enough for a session, a lock, some records and `index.json`, also where every file takes a block of its own. */
const FILES = 16
const FILE_SIZE = 16 * 1024
const TOTAL = FILES * FILE_SIZE

/** A store on a file system with less than this is not worth the reserve. */
const WORTHWHILE = 64 * TOTAL

/**
 * Freeing space takes some: a lock, a lease, the record of a removal. So that `remove`, `gc` and `rollback` work on a
 * disk that is full to the last byte, the store keeps a few files that nobody needs, and gives them up for those.
 */
export async function giveUpReserve(layout: StoreLayout): Promise<void> {
  if (!(await isPresent(layout.reserve))) return
  const { bytes, files } = await freeSpace(layout.own)
  if (bytes < TOTAL || files < FILES) await rm(layout.reserve, { recursive: true, force: true })
}

/** Makes the reserve where there is none and room is plenty; without it everything works but on a full disk. */
export async function keepReserve(layout: StoreLayout): Promise<void> {
  try {
    if (await isPresent(layout.reserve)) return
    const { bytes, files } = await freeSpace(layout.own)
    if (bytes < WORTHWHILE || files < WORTHWHILE / FILE_SIZE) return
    await makeShared(layout.reserve, layout.sharing)
    for (let at = 1; at <= FILES; at++) {
      const path = join(layout.reserve, `${at}`)
      // Bytes that no file system makes smaller.
      await writeFile(path, randomBytes(FILE_SIZE), { flag: 'wx' })
      if (layout.sharing !== undefined) await chmod(path, layout.sharing.fileMode)
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}
