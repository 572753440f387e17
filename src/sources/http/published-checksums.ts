import type { Checksum, ChecksumAlgorithm } from '../../core/index.ts'
import type { IncomingResponse } from '../../http/index.ts'

/**
 * What the headers of an answer say of the whole file: `Repr-Digest` (RFC 9530), its forerunner `Digest` (RFC 3230), and
 * what Google Cloud Storage says. `Content-Digest` is of the bytes of this answer, which for one with a part is not the file.
 */
export function checksumsIn(
  header: IncomingResponse['header'],
  { isWhole }: { readonly isWhole: boolean },
): readonly Checksum[] {
  const found = [
    ...digestsIn(header('repr-digest')),
    ...(isWhole ? digestsIn(header('content-digest')) : []),
    ...digestsIn(header('digest')),
    ...digestsIn(header('x-goog-hash')),
  ]
  return found.filter(
    ({ algorithm, value }, at) =>
      value.length === HEX_DIGITS[algorithm] &&
      found.findIndex((other) => other.algorithm === algorithm) === at,
  )
}

const NAMES: Readonly<Record<string, ChecksumAlgorithm>> = {
  'sha-256': 'sha256',
  sha256: 'sha256',
  sha: 'sha1',
  'sha-1': 'sha1',
  md5: 'md5',
  crc32c: 'crc32c',
}

const HEX_DIGITS: Readonly<Record<ChecksumAlgorithm, number>> = {
  sha256: 64,
  sha1: 40,
  md5: 32,
  'md5-dos2unix': 32,
  crc64nvme: 16,
  crc32c: 8,
}

/** `sha-256=:BASE64:` or `sha-256=BASE64`, separated by commas. */
function digestsIn(header: string | undefined): readonly Checksum[] {
  return (header ?? '').split(',').flatMap((entry) => {
    const [, name = '', base64 = ''] = /^\s*([\w-]+)=:?([A-Za-z0-9+/]+=*):?\s*$/.exec(entry) ?? []
    const algorithm = NAMES[name.toLowerCase()]
    return algorithm === undefined
      ? []
      : [{ algorithm, value: Buffer.from(base64, 'base64').toString('hex') }]
  })
}

/** What `sha256sum` (with `--tag` too) or a page of one digest says of a file; undefined where it says nothing. */
export function sha256In(text: string, file: string): string | undefined {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  for (const line of lines) {
    const [, plain, name] = /^([0-9a-f]{64})(?:\s+\*?(.+))?$/i.exec(line) ?? []
    const [, tagged, digest] = /^SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line) ?? []
    const isOfFile = (path: string | undefined): boolean => path?.split('/').at(-1) === file
    if (digest !== undefined && isOfFile(tagged)) return digest.toLowerCase()
    if (plain !== undefined && (isOfFile(name) || lines.length === 1)) return plain.toLowerCase()
  }
  return undefined
}
