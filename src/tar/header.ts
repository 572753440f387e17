import { BallastError } from '../core/index.ts'
import { encodePax } from './pax.ts'

/** POSIX.1-2017 pax, "ustar Interchange Format": everything is a multiple of this many bytes. */
export const TAR_BLOCK = 512
/** Two blocks of zeros end an archive. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK)
/** What eleven octal digits can express. */
const LARGEST_OCTAL_SIZE = 0o77777777777
const LARGEST_OCTAL_ID = 0o7777777

/** `other` is a device, a pipe or a type that only its writer knows. */
export type TarType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'other'

/** What a tar archive says about one path. `path` as found, without the `/` that ends a directory's; `size` in bytes. */
export interface TarEntry {
  readonly path: string
  readonly type: TarType
  readonly size: number
  /** Permission bits with set-uid, set-gid and sticky: 0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The target of a symlink or hard link. */
  readonly link?: string
}

/** Bytes of zeros behind a body of `size` bytes. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK
}

/**
 * The header of an entry, without its body: one ustar block, and before it an extended header where ustar cannot
 * express the entry. Equal entries give equal bytes: no times, no names of users.
 */
export function encodeHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' ? `${entry.path}/` : entry.path
  const link = entry.link ?? ''
  const split = splitName(name)
  const records = new Map<string, string>()
  if (split === undefined) records.set('path', name)
  if (!fits(link, 100)) records.set('linkpath', link)
  if (entry.size > LARGEST_OCTAL_SIZE) records.set('size', String(entry.size))
  if (entry.uid > LARGEST_OCTAL_ID) records.set('uid', String(entry.uid))
  if (entry.gid > LARGEST_OCTAL_ID) records.set('gid', String(entry.gid))
  const header = encodeBlock({
    ...entry,
    ...(split ?? { name: approximate(name), prefix: '' }),
    link: approximate(link),
    flag: FLAGS[entry.type],
  })
  return records.size === 0 ? header : Buffer.concat([encodeExtended(encodePax(records)), header])
}

const FLAGS = { file: '0', hardlink: '1', symlink: '2', directory: '5', other: '6' } as const

function encodeExtended(body: Buffer): Buffer {
  const name = '././@PaxHeader'
  const fields = { name, prefix: '', link: '', flag: 'x', mode: 0o644, uid: 0, gid: 0, size: body.length }
  return Buffer.concat([encodeBlock(fields), body, Buffer.alloc(paddingOf(body.length))])
}

interface Fields {
  readonly name: string
  readonly prefix: string
  readonly link: string
  readonly flag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
}

function encodeBlock(fields: Fields): Buffer {
  const block = Buffer.alloc(TAR_BLOCK)
  block.write(fields.name, 0, 100, 'latin1')
  block.write(octal(fields.mode & 0o7777, 7), 100, 'latin1')
  block.write(octal(fields.uid > LARGEST_OCTAL_ID ? 0 : fields.uid, 7), 108, 'latin1')
  block.write(octal(fields.gid > LARGEST_OCTAL_ID ? 0 : fields.gid, 7), 116, 'latin1')
  block.write(octal(fields.size > LARGEST_OCTAL_SIZE ? 0 : fields.size, 11), 124, 'latin1')
  block.write(octal(0, 11), 136, 'latin1')
  block.fill(0x20, 148, 156)
  block.write(fields.flag, 156, 'latin1')
  block.write(fields.link, 157, 100, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(octal(0, 7), 329, 'latin1')
  block.write(octal(0, 7), 337, 'latin1')
  block.write(fields.prefix, 345, 155, 'latin1')
  block.write(`${octal(sumOf(block), 6)}\0 `, 148, 'latin1')
  return block
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function fits(text: string, most: number): boolean {
  return text.length <= most && isAscii(text)
}

function isAscii(text: string): boolean {
  return /^[\x01-\x7f]*$/.test(text)
}

/** For readers that do not know extended headers. */
function approximate(text: string): string {
  return text.replace(/[^\x01-\x7f]/g, '_').slice(0, 100)
}

/** The name whole, or cut at a `/` into what fits the prefix and name fields; undefined where neither is possible. */
function splitName(path: string): { name: string; prefix: string } | undefined {
  if (fits(path, 100)) return { name: path, prefix: '' }
  if (!fits(path, 256)) return undefined
  const cut = path.indexOf('/', path.length - 101)
  if (cut <= 0 || cut > 155 || cut === path.length - 1) return undefined
  return { name: path.slice(cut + 1), prefix: path.slice(0, cut) }
}

/** One header block as it stands: `flag` is its type, extended headers are not applied. */
export interface RawHeader extends Fields {
  /** Whether more blocks of an old GNU sparse map follow. */
  readonly sparseMore: boolean
}

/** Throws DAMAGED for a wrong checksum and for numbers that are malformed, negative or beyond 2^53. */
export function decodeBlock(block: Buffer): RawHeader {
  const stored = numberOf(block, 148, 8)
  if (!isChecksumOf(block, stored)) throw damaged('a header has a wrong checksum')
  const magic = block.toString('latin1', 257, 265)
  const posix = magic.startsWith('ustar\0')
  const flag = String.fromCharCode(block[156] ?? 0)
  return {
    name: textOf(block, 0, 100),
    prefix: posix ? textOf(block, 345, 155) : '',
    link: textOf(block, 157, 100),
    flag,
    mode: numberOf(block, 100, 8) & 0o7777,
    uid: numberOf(block, 108, 8),
    gid: numberOf(block, 116, 8),
    size: numberOf(block, 124, 12),
    sparseMore: flag === 'S' && block[482] !== 0,
  }
}

/** The text up to the first NUL. */
export function textOf(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start)
  return block.toString('utf8', start, end < 0 || end > start + length ? start + length : end)
}

/** Octal digits, or base-256 as GNU tar writes what octal cannot hold. */
function numberOf(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x7f)
    for (let at = start + 1; at < start + length; at++) value = value * 256n + BigInt(block[at] ?? 0)
    if ((first & 0x40) !== 0 || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw damaged('a number out of range')
    return Number(value)
  }
  const digits = textOf(block, start, length).trim()
  if (!/^[0-7]*$/.test(digits)) throw damaged(`a header has ${JSON.stringify(digits)} for a number`)
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

/** Whether a header with this number for its checksum is whole. */
export function isChecksumOf(block: Buffer, stored: number): boolean {
  return stored === sumOf(block) || stored === signedSumOf(block)
}

/** The sum of all bytes with the checksum field taken for spaces. */
function sumOf(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < TAR_BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0
  return sum
}

/** Some old writers added up signed bytes. */
function signedSumOf(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < TAR_BLOCK; at++) if (at < 148 || at >= 156) sum += block.readInt8(at)
  return sum
}

export function damaged(why: string): BallastError {
  return new BallastError('DAMAGED', `not a tar file: ${why}`)
}
