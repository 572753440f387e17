import { tmpdir } from 'node:os'
import type { CallOptions } from '../core/index.ts'
import { randomAccess } from '../formats/index.ts'
import { blobsOfFiles, type ModelFile, type Version } from '../model/index.ts'
import { createSpool, type FileScan, SCANNER, type ScanReport, scanFile, worstOf } from '../scan/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readScan, rememberScan } from './scan-memory.ts'

/**
 * What the files of a version are and do. A file that was scanned before by the same rules is not read again. Throws
 * NOT_FOUND and DAMAGED for files that are missing or not what they were.
 */
export async function scanVersion(
  store: Store,
  version: Version,
  { signal, onProgress }: CallOptions = {},
): Promise<ScanReport> {
  await using session = await store.beginReading()
  await session.lease(blobsOfFiles(version.files).map(({ digest }) => digest))
  const spool = createSpool(session.writable ? session.directory : tmpdir())
  const files: FileScan[] = []
  try {
    for (const file of version.files) {
      const known = await readScan(store, file)
      files.push(known ?? (await scanBlob(store, session, file, { spool, signal, onProgress })))
    }
  } finally {
    await spool.close()
  }
  return reportOf(files)
}

async function scanBlob(
  store: Store,
  session: Session,
  file: ModelFile,
  { spool, signal, onProgress }: CallOptions & { readonly spool: ReturnType<typeof createSpool> },
): Promise<FileScan> {
  for (const blob of blobsOfFiles([file])) await store.blobs.ensureIntact(blob)
  const item = file.path
  onProgress?.({ kind: 'start', step: 'verify', item, total: file.size })
  const found = await scanFile(randomAccess(file.path, store.fileContent(file)), { spool, signal })
  onProgress?.({ kind: 'done', step: 'verify', item })
  await rememberScan(store, session, { digest: file.digest, scan: found })
  return found
}

export function reportOf(files: readonly FileScan[]): ScanReport {
  return { scanner: SCANNER, verdict: worstOf(files.map(({ verdict }) => verdict)), files }
}
