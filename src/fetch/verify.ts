import {
  BallastError,
  type Checksum,
  createChecksummer,
  type Digest,
  digestOfHex,
  surestOf,
} from '../core/index.ts'

/** What is known of a content beforehand. */
export interface Known {
  readonly digest?: Digest | undefined
  readonly checksums?: readonly Checksum[] | undefined
}

/** The digest that the content must have, where one is known. */
export function knownDigest({ digest, checksums = [] }: Known): Digest | undefined {
  const told = checksums.find(({ algorithm, prefix }) => algorithm === 'sha256' && prefix === undefined)
  return digest ?? (told && digestOfHex(told.value))
}

/** What the content has to be held against where its digest is not known: the surest of its checksums. */
export function knownChecksum(known: Known): Checksum | undefined {
  return knownDigest(known) === undefined ? surestOf(known.checksums ?? []) : undefined
}

/** Throws DAMAGED where what arrived is not what was to come. */
export function refuseOtherBytes(
  item: string,
  { expected, found }: { readonly expected: string; readonly found: string },
): void {
  if (expected === found) return
  throw new BallastError('DAMAGED', `${item}: ${expected} was to come, and ${found} arrived`, {
    hint: 'run the command again; if it happens again, what is offered is damaged, or what is told of it wrong',
  })
}

/** Passes the chunks on, and throws DAMAGED instead of ending where they have another checksum. */
export async function* withChecksum(
  chunks: AsyncIterable<Uint8Array>,
  { item, checksum }: { readonly item: string; readonly checksum: Checksum },
): AsyncIterable<Uint8Array> {
  const { algorithm, value, prefix = '' } = checksum
  const summer = createChecksummer(algorithm)
  summer.update(Buffer.from(prefix))
  for await (const chunk of chunks) {
    summer.update(chunk)
    yield chunk
  }
  refuseOtherBytes(item, { expected: `${algorithm}:${value}`, found: `${algorithm}:${summer.value()}` })
}
