import { BallastError } from '../core/index.ts'

/** The keywords of a PAX extended header (POSIX.1-2017 pax, "ustar Interchange Format"). */
export type PaxRecords = ReadonlyMap<string, string>

/** In the order given, so that equal records are equal bytes. */
export function encodePax(records: PaxRecords): Buffer {
  return Buffer.concat([...records].map(([keyword, value]) => encodeRecord(keyword, value)))
}

/** Throws DAMAGED for records that are cut short, have no `=` or no newline, or hold a NUL in a name. */
export function decodePax(data: Buffer): PaxRecords {
  const records = new Map<string, string>()
  for (let at = 0; at < data.length; ) {
    const { keyword, value, end } = decodeRecord(data, at)
    records.set(keyword, value)
    at = end
  }
  return records
}

/** A record begins with its own length in decimal digits, which count too. */
function encodeRecord(keyword: string, value: string): Buffer {
  const rest = Buffer.from(` ${keyword}=${value}\n`)
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function decodeRecord(data: Buffer, at: number): { keyword: string; value: string; end: number } {
  const space = data.indexOf(0x20, at)
  const digits = space < 0 || space - at > 10 ? '' : data.toString('latin1', at, space)
  const end = /^[1-9]\d*$/.test(digits) ? at + Number(digits) : Number.POSITIVE_INFINITY
  if (end > data.length || end <= space + 2 || data[end - 1] !== 0x0a) throw malformed()
  const text = data.toString('utf8', space + 1, end - 1)
  const equals = text.indexOf('=')
  if (equals <= 0) throw malformed()
  const keyword = text.slice(0, equals)
  const value = text.slice(equals + 1)
  if (/path$|name$/.test(keyword) && value.includes('\0')) throw malformed()
  return { keyword, value, end }
}

function malformed(): BallastError {
  return new BallastError('DAMAGED', 'not a tar file: an extended header is malformed')
}
