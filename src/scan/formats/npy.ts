import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { sizeOfNumpyType } from '../numpy-types.ts'
import { scanPickle } from '../pickle/scan-pickle.ts'
import type { ScanFormat } from '../verdict.ts'

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
/** numpy takes a header of 10,000 bytes for dangerous. */
const LONGEST_HEADER = 256 * 1024
const PLAIN = /^[<>=|]?(?:\?|[bBhHiIqQefdFD]|[biufcb]\d{1,2}|[SUaV]\d+|[mM]8?(?:\[\w+\])?)$/
const MOST_ARRAYS = 10_000

/** Arrays as `numpy.save` writes them, one after another: what is no plain type is a pickle behind its header. */
export async function scanNpy(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  let at = 0
  for (let count = 0; count < MOST_ARRAYS; count++) {
    const start = Buffer.from(await source.read(at, 12))
    if (!start.subarray(0, MAGIC.length).equals(MAGIC)) {
      // numpy takes what follows for a pickle, where it may.
      await scanPickle(context, source, { start: at })
      report(context, 'unreadable', 'trailing', 'behind the end of its array there is something else', at)
      break
    }
    if (start.length < 12) return malformed(context, 'it ends within its header')
    const isLong = start.readUInt8(6) > 1
    const length = isLong ? start.readUInt32LE(8) : start.readUInt16LE(8)
    const dataAt = at + (isLong ? 12 : 10) + length
    if (length > LONGEST_HEADER || dataAt > source.size)
      return malformed(context, 'its header is longer than it can be')
    const header = Buffer.from(await source.read(dataAt - length, length)).toString('latin1')
    const size = plainSize(header)
    if (size === undefined) {
      const format = await scanPickle(context, source, { start: dataAt, isExpected: mayBeObjects(header) })
      if (format === undefined)
        report(context, 'unreadable', 'unread', 'it is an array of a type that is not known')
      return 'numpy'
    }
    at = dataAt + size
    if (at > source.size) return malformed(context, 'it ends before its array does')
    if (at === source.size) break
  }
  return 'numpy'
}

function malformed(context: Context, what: string): ScanFormat {
  report(context, 'hostile', 'malformed', what)
  return 'numpy'
}

/** Its three keys as numpy writes them; Python's literals could spell or repeat them in other ways. */
const ENTRY =
  /\s*['"](?:(descr)['"]\s*:\s*('[^'"]*'|"[^'"]*"|\[(?:[^[\]]|\[\w+\])*\])|(fortran_order)['"]\s*:\s*(?:True|False)|(shape)['"]\s*:\s*\(([\d, L]*)\))\s*(?:,|(?=\}))/y

/** Bytes of an array whose elements are no objects; undefined where they may be. */
function plainSize(header: string): number | undefined {
  const begin = /^\s*\{/.exec(header)?.[0].length
  if (begin === undefined || header.includes('\\')) return undefined
  const keys: string[] = []
  let descr = ''
  let shape = ''
  ENTRY.lastIndex = begin
  let at = begin
  for (let found = ENTRY.exec(header); found !== null; found = ENTRY.exec(header)) {
    at = ENTRY.lastIndex
    keys.push(found[1] ?? found[3] ?? found[4] ?? '')
    descr = found[2] ?? descr
    shape = found[5] ?? shape
  }
  if (keys.sort().join() !== 'descr,fortran_order,shape' || !/^\s*\}\s*$/.test(header.slice(at)))
    return undefined
  const element = sizeOf(descr)
  if (element === undefined) return undefined
  const count = shape
    .split(',')
    .filter((text) => text.trim() !== '')
    .reduce((product, text) => product * Number.parseInt(text, 10), 1)
  const size = count * element
  return Number.isSafeInteger(size) ? size : undefined
}

/** Of `'<f8'`, or of `[('a', '<f8'), ('b', '<i4', (2,))]`. */
function sizeOf(descr: string): number | undefined {
  const one = /^(['"])([^'"]*)\1$/.exec(descr)?.[2]
  if (one !== undefined) return sizeOfType(one)
  if (!/^\[.*\]$/s.test(descr)) return undefined
  let size = 0
  let rest = descr.slice(1, -1).trim()
  const text = /(?:'[^'"]*'|"[^'"]*")/.source
  const field = new RegExp(
    `^\\(\\s*(?:${text}|\\(\\s*${text}\\s*,\\s*${text}\\s*\\))\\s*,\\s*(${text})\\s*(?:,\\s*\\(([\\d, ]*)\\)\\s*)?\\)\\s*(?:,\\s*|$)`,
  )
  while (rest !== '') {
    const found = field.exec(rest)
    const element = found?.[1] === undefined ? undefined : sizeOfType(found[1].slice(1, -1))
    if (found === null || element === undefined) return undefined
    const times = (found[2] ?? '').split(',').filter((text) => text.trim() !== '')
    size += times.reduce((product, text) => product * Number(text), element)
    rest = rest.slice(found[0].length)
  }
  return size
}

function sizeOfType(type: string): number | undefined {
  if (!PLAIN.test(type)) return undefined
  const text = type.replace(/^[<>=|]/, '').replace(/\[\w+\]$/, '')
  return sizeOfNumpyType(text)
}

function mayBeObjects(header: string): boolean {
  return /['"][|<>=]?(?:O\d*|object_?)['"]/.test(header)
}
