import type { Digest } from '../core/index.ts'
import { type ModelFile, parseJson } from '../model/index.ts'
import { type FileScan, SCANNER, VERDICTS } from '../scan/index.ts'
import type { Session, Store } from '../store/index.ts'

const KIND = 'scans'
/** Names under which one content is kept: some are only looked at closely under some names. */
const MOST_NAMES = 16

/** What was found in a file of this content and this path; undefined where nobody looked, or by other rules. */
export async function readScan(
  store: Store,
  { digest, path }: Pick<ModelFile, 'digest' | 'path'>,
): Promise<FileScan | undefined> {
  return (await remembered(store, digest)).find((scan) => scan.path === path)
}

export async function rememberScan(
  store: Store,
  session: Session,
  { digest, scan }: { readonly digest: Digest; readonly scan: FileScan },
): Promise<void> {
  const others = (await remembered(store, digest)).filter(({ path }) => path !== scan.path)
  const scans = [scan, ...others].slice(0, MOST_NAMES)
  const data = Buffer.from(`${JSON.stringify({ scanner: SCANNER, scans })}\n`)
  await store.cache.put(session, KIND, { digest, data })
}

async function remembered(store: Store, digest: Digest): Promise<readonly FileScan[]> {
  const data = await store.cache.get(KIND, digest)
  const known = data === undefined ? undefined : parseJson(data)
  if (known?.scanner !== SCANNER || !Array.isArray(known.scans)) return []
  return (known.scans as readonly unknown[]).filter(isScan)
}

function isScan(value: unknown): value is FileScan {
  if (typeof value !== 'object' || value === null) return false
  const { path, format, verdict, findings } = value as Record<string, unknown>
  return (
    typeof path === 'string' &&
    typeof format === 'string' &&
    (VERDICTS as readonly unknown[]).includes(verdict) &&
    Array.isArray(findings)
  )
}
