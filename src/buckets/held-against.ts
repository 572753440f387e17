import { BallastError, type Checksum, createChecksummer, surestOf } from '../core/index.ts'

/** The same bytes; throws REMOTE, retryable, instead of ending, where they are not those of the surest checksum. */
export async function* heldAgainst(
  chunks: AsyncIterable<Uint8Array>,
  checksums: readonly Checksum[],
  what: string,
): AsyncIterable<Uint8Array> {
  const checksum = surestOf(checksums)
  const summer = checksum && createChecksummer(checksum.algorithm)
  for await (const chunk of chunks) {
    summer?.update(chunk)
    yield chunk
  }
  const found = summer?.value()
  if (found === checksum?.value) return
  throw new BallastError('REMOTE', `${what} arrived damaged: ${checksum?.algorithm} ${found}`, {
    hint: 'run the command again; if it stays so, the object is damaged where it is',
    retryable: true,
  })
}
