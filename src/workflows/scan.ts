import { stat } from 'node:fs/promises'
import { type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import { parseOperand } from '../model/index.ts'
import { SCANNER, type ScanReport, worstOf } from '../scan/index.ts'
import type { Store } from '../store/index.ts'
import { findVersion, withMending } from './resolve.ts'
import { scanPath } from './scan-path.ts'
import { scanVersion } from './scan-version.ts'

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
