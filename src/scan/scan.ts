import { isLfsPointer, type RandomAccess } from '../formats/index.ts'
import { scanCompressed } from './compressed/index.ts'
import { type Context, type InnerOptions, report, type Spool } from './context.ts'
import { scanGguf } from './formats/gguf.ts'
import { scanOnnx, scanTensorflow } from './formats/graphs.ts'
import { scanHdf5 } from './formats/hdf5.ts'
import { scanNpy } from './formats/npy.ts'
import { scanSafetensors } from './formats/safetensors.ts'
import { scanTar } from './formats/tar.ts'
import { scanText } from './formats/texts.ts'
import { createBudget, LIMITS } from './limits.ts'
import { nativeKind } from './native.ts'
import { withPages } from './pages.ts'
import { scanPickle } from './pickle/scan-pickle.ts'
import { renamed } from './sources.ts'
import { type FileScan, type Finding, type ScanFormat, worstOf } from './verdict.ts'
import { scanZip } from './zip/scan-zip.ts'

/** Of the rules. What was found by another is looked for again. */
export const SCANNER = 9

const HEAD_SIZE = 64 * 1024
/** Loaders unpickle what has such a name, whatever it is. */
const PICKLE_NAMES = /\.(?:pkl|pickle|joblib|dill|sav|npy|npz)$/i
/** Formats that are told by their content; what has such a name and is none is no model. */
const MODEL_NAMES = /\.(safetensors|gguf|onnx|keras|h5|hdf5|pt|pth)$/i

/** By such a name a loader would decompress it. */
const COMPRESSED_NAMES = /\.(?:gz|bz2|xz|lzma|lz4|zst)$/i

export interface ScanOptions {
  readonly spool: Spool
  readonly signal?: AbortSignal | undefined
}

/**
 * Looks at all of a file that a loader may run or trust, whatever its name says: by its content, as each of the formats
 * that it could be, and at what is in it. Executes nothing, keeps little in memory, and never throws for what the bytes
 * are; what it throws are failures to read them.
 */
export async function scanFile(source: RandomAccess, { spool, signal }: ScanOptions): Promise<FileScan> {
  const findings: Finding[] = []
  const context: Context = {
    budget: createBudget(),
    spool,
    signal,
    depth: 0,
    within: [],
    findings,
    scanInner,
  }
  const format = await scanSource(context, withPages(source), {})
  return { path: source.path, format, verdict: worstOf(findings.map(({ verdict }) => verdict)), findings }
}

async function scanInner(
  context: Context,
  name: string,
  source: RandomAccess,
  options: InnerOptions = {},
): Promise<ScanFormat> {
  const depth = context.depth + 1
  // What is decompressed is the same thing; its place was named by whoever decompressed it.
  const within = options.isDecompressed === true ? context.within : [...context.within, name]
  const inner: Context = { ...context, depth, within }
  if (depth > LIMITS.depth) {
    report(inner, 'hostile', 'nested', 'it is in too many archives, one in the other')
    return 'plain'
  }
  return scanSource(inner, renamed(source, name), options)
}

async function scanSource(
  context: Context,
  source: RandomAccess,
  options: InnerOptions,
): Promise<ScanFormat> {
  context.signal?.throwIfAborted()
  const head = Buffer.from(await source.read(0, Math.min(HEAD_SIZE, source.size)))
  if (isLfsPointer(head)) {
    report(context, 'unreadable', 'unread', 'it is a pointer of Git LFS: the file itself is not there')
    return 'lfs-pointer'
  }
  const isExpected = options.mustBeKnown === true || PICKLE_NAMES.test(source.path)
  const formats: ScanFormat[] = []
  const found = (format: ScanFormat | undefined): void => {
    if (format !== undefined) formats.push(format)
  }
  // One file may be several things: each loader takes it for its own.
  found(await scanNpy(context, source, head))
  found(await scanZip(context, source, head))
  found(await scanPickle(context, source))
  if (options.isRaw !== true) {
    found(await scanHdf5(context, source, head))
    found(await scanGguf(context, source, head))
    found(await scanTar(context, source, head))
    found(await scanCompressed(context, source, { head, isExpected: isExpected && formats.length === 0 }))
    found(await scanSafetensors(context, source, head))
    found(await scanTensorflow(context, source))
    found(await scanOnnx(context, source))
    found(await scanText(context, source))
    if (formats.length === 0) {
      const native = nativeKind(head)
      if (native !== undefined) report(context, native.verdict, native.rule, native.what)
      found(native && 'program')
    }
  }
  if (formats.length === 0) reportUnknown(context, source, isExpected)
  return formats[0] ?? 'plain'
}

function reportUnknown(context: Context, { path, size }: RandomAccess, isExpected: boolean): void {
  const name = MODEL_NAMES.exec(path)?.[1]
  if (isExpected) {
    report(
      context,
      'hostile',
      'malformed',
      size === 0 ? 'it is empty' : 'it is loaded as a pickle, and is no whole one',
    )
  } else if (name !== undefined) {
    // What torch is said to have written may be something else of that name.
    const verdict = /^pth?$/i.test(name) ? 'unreadable' : 'hostile'
    report(context, verdict, 'malformed', `its name says ${name.toLowerCase()}, its content does not`)
  } else if (COMPRESSED_NAMES.test(path)) {
    report(context, 'unreadable', 'unread', 'its name says that it is compressed, in a way that is not known')
  }
}
