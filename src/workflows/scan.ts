import { readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Digest,
  explainSystemError,
  fileContent,
  isBallastError,
  isSystemError,
} from '../core/index.ts'
import { parseOperand, randomAccess } from '../model/index.ts'
import { createSpool, type FileScan, SCANNER, type ScanReport, scanFile, worstOf } from '../scan/index.ts'
import type { Store } from '../store/index.ts'
import { findVersion, withMending } from './resolve.ts'
import { reportOf, scanVersion } from './scan-version.ts'

/** What one operand of `scan` is, and what was found in it. */
export interface ScannedTarget extends Omit<ScanReport, 'scanner'> {
  readonly target: string
  /** Of a version. */
  readonly digest?: Digest
}

export interface ScanResult {
  readonly scanner: number
  readonly verdict: ScanReport['verdict']
  readonly targets: readonly ScannedTarget[]
}

/** Versions of the store, and files and directories. Throws what `findVersion` throws, DISK. */
export async function scan(
  openStore: () => Promise<Store>,
  operands: readonly string[],
  options: CallOptions = {},
): Promise<ScanResult> {
  const targets: ScannedTarget[] = []
  for (const operand of operands) targets.push(await scanOperand(openStore, operand, options))
  return { scanner: SCANNER, verdict: worstOf(targets.map(({ verdict }) => verdict)), targets }
}

async function scanOperand(
  openStore: () => Promise<Store>,
  operand: string,
  options: CallOptions,
): Promise<ScannedTarget> {
  if (parseOperand(operand).kind === 'path') return scanPath(operand, options)
  const store = await openStore()
  try {
    const { reference, version } = await findVersion(store, operand)
    const report = await scanVersion(store, version, options).catch(async (error: unknown) => {
      throw await withMending(store, error, reference)
    })
    const { verdict, files } = report
    return { target: operand, digest: version.digest, verdict, files }
  } catch (error) {
    // `model.pkl` looks like a name, and is none.
    const isNoModel = isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'USAGE')
    if (isNoModel && (await isThere(operand))) return scanPath(operand, options)
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** A file, or all files of a directory. Throws DISK, NOT_FOUND. */
export async function scanPath(path: string, { signal }: CallOptions = {}): Promise<ScannedTarget> {
  const spool = createSpool(tmpdir())
  try {
    const files: FileScan[] = []
    for (const file of await filesBelow(path)) {
      const name = relative(path, file) || basename(path)
      files.push(
        await scanFile(randomAccess(name, fileContent(file, (await stat(file)).size)), { spool, signal }),
      )
    }
    const { verdict } = reportOf(files)
    return { target: path, verdict, files }
  } catch (error) {
    throw explainSystemError(error)
  } finally {
    await spool.close()
  }
}

async function filesBelow(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new BallastError('NOT_FOUND', `${path}: no such file or directory`, {
      hint: 'name a file, a directory, or a model of the store: `ballast list` shows them',
    })
  })
  if (!found.isDirectory()) return [path]
  const files: string[] = []
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) files.push(...(await filesBelow(inner)))
    // Caches of hubs consist of links to files.
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(inner)))) files.push(inner)
  }
  return files.sort()
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
