import { CHUNK_SIZE, type Content } from '../core/index.ts'
import { type ByteReader, cutShort, seekingReader, streamReader } from './byte-reader.ts'
import {
  damaged,
  decodeBlock,
  paddingOf,
  type RawHeader,
  TAR_BLOCK,
  type TarEntry,
  type TarType,
  textOf,
} from './header.ts'
import { decodePax, type PaxRecords } from './pax.ts'

/** Extended headers and long names are held in memory, so they are limited. */
const LONGEST_EXTENSION = 1024 * 1024

/**
 * The entries of a tar archive (ustar, PAX, GNU), without their bodies: these are skipped and never held. Reads on
 * to the end of the input, so that a `verified` input is verified. Global extended headers are read past, as image
 * engines do. Throws DAMAGED for what is not a tar archive or is cut short; a missing end marker is accepted.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncIterable<TarEntry> {
  const reader = streamReader(chunks)
  try {
    for await (const { entry } of entriesIn(reader)) yield entry
    await reader.drain()
  } finally {
    await reader.close()
  }
}

/** An entry and its bytes, which are to be read before the next entry is asked for; those that are not are skipped. */
export interface EntryWithBody {
  readonly entry: TarEntry
  readonly body: AsyncIterable<Uint8Array>
  /** The body is a map of holes and what is between them, and not the file as it is. */
  readonly isSparse: boolean
}

/** Like `readTar`, with the bodies. */
export async function* readTarBodies(chunks: AsyncIterable<Uint8Array>): AsyncIterable<EntryWithBody> {
  const reader = streamReader(chunks)
  try {
    for await (const { entry, isSparse } of entriesIn(reader)) {
      yield { entry, isSparse, body: bodyFrom(reader, entry.size) }
    }
    await reader.drain()
  } finally {
    await reader.close()
  }
}

async function* bodyFrom(reader: ByteReader, size: number): AsyncIterable<Uint8Array> {
  for (let left = size; left > 0; ) {
    const part = (await reader.read(Math.min(left, CHUNK_SIZE))) ?? cutShort()
    left -= part.length
    yield part
  }
}

/** An entry, and where its body begins: `entry.size` bytes from `offset` on, without headers and padding. */
export interface LocatedEntry {
  readonly entry: TarEntry
  readonly offset: number
}

/** Like `readTar`, but reads headers only, whatever the size of what lies between, and nothing behind the end marker. */
export function locateEntries(content: Content): AsyncIterable<LocatedEntry> {
  return entriesIn(seekingReader(content))
}

async function* entriesIn(reader: ByteReader): AsyncIterable<LocatedEntry & { readonly isSparse: boolean }> {
  let pending = NOTHING
  for (;;) {
    const block = await reader.read(TAR_BLOCK)
    if (block === undefined || (await isEnd(block, reader))) return
    const header = decodeBlock(block)
    if (EXTENSIONS.has(header.flag)) {
      pending = extend(pending, header.flag, await readBody(reader, header))
      continue
    }
    for (let more = header.sparseMore; more; ) {
      more = ((await reader.read(TAR_BLOCK)) ?? cutShort())[504] !== 0
    }
    const { entry, body } = applyExtensions(header, pending)
    const isSparse =
      header.flag === 'S' || [...pending.pax.keys()].some((key) => key.startsWith('GNU.sparse.'))
    pending = NOTHING
    const offset = reader.position()
    yield { entry, offset, isSparse }
    await reader.skip(offset + body + paddingOf(body) - reader.position())
  }
}

interface Extensions {
  readonly pax: PaxRecords
  readonly longName?: string
  readonly longLink?: string
}

const ZEROS = Buffer.alloc(TAR_BLOCK)
const NOTHING: Extensions = { pax: new Map() }
const EXTENSIONS: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K'])

/** The sizes in `pax` are meant for the entry that follows, never for another extension in between. */
function extend(pending: Extensions, flag: string, body: Buffer): Extensions {
  if (flag === 'x') return { ...pending, pax: decodePax(body) }
  if (flag === 'L') return { ...pending, longName: textOf(body, 0, body.length) }
  if (flag === 'K') return { ...pending, longLink: textOf(body, 0, body.length) }
  decodePax(body)
  return pending
}

function applyExtensions(header: RawHeader, extensions: Extensions): { entry: TarEntry; body: number } {
  const { pax, longName, longLink } = extensions
  const plain = header.prefix === '' ? header.name : `${header.prefix}/${header.name}`
  const name = longName ?? (pax.get('GNU.sparse.name') || pax.get('path') || plain)
  const link = longLink ?? (pax.get('linkpath') || header.link)
  const type = typeOf(header.flag, name)
  const size = paxNumber(pax, 'size') ?? header.size
  // Engines take these types for bodiless whatever their size says; reading on elsewhere would see other entries.
  const body = '123456'.includes(header.flag) || type === 'directory' ? 0 : size
  const entry = {
    path: type === 'directory' ? name.replace(/\/+$/, '') : name,
    type,
    size: body,
    mode: header.mode,
    uid: paxNumber(pax, 'uid') ?? header.uid,
    gid: paxNumber(pax, 'gid') ?? header.gid,
    ...(type === 'symlink' || type === 'hardlink' ? { link } : {}),
  }
  return { entry, body }
}

function typeOf(flag: string, name: string): TarType {
  if (flag === '5') return 'directory'
  if (flag === '1') return 'hardlink'
  if (flag === '2') return 'symlink'
  if (!'\x0007S'.includes(flag)) return 'other'
  // Before POSIX, a directory was a file with a slash at its end.
  return name.endsWith('/') ? 'directory' : 'file'
}

function paxNumber(pax: PaxRecords, keyword: string): number | undefined {
  const text = pax.get(keyword)
  if (text === undefined || text === '') return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw damaged(`an extended header has ${keyword} ${JSON.stringify(text)}`)
  return value
}

async function readBody(reader: ByteReader, header: RawHeader): Promise<Buffer> {
  if (header.size > LONGEST_EXTENSION) throw damaged(`an extended header of ${header.size} bytes`)
  const body = (await reader.read(header.size)) ?? cutShort()
  await reader.skip(paddingOf(header.size))
  return body
}

async function isEnd(block: Buffer, reader: ByteReader): Promise<boolean> {
  if (!isZero(block)) return false
  const second = await reader.read(TAR_BLOCK)
  if (second !== undefined && !isZero(second)) throw damaged('a single block of zeros between entries')
  return true
}

function isZero(block: Buffer): boolean {
  return block.equals(ZEROS)
}
