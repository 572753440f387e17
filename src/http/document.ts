import { BallastError, isBallastError, readAll } from '../core/index.ts'
import type { IncomingResponse } from './transport.ts'

/**
 * An answer that is no model, in memory. `what` is what was asked for. Throws REFUSED for one of more than `limit`
 * bytes, DAMAGED for one that is encoded: nobody asked for that, and a few bytes could stand for any number.
 */
export async function readDocument(
  response: IncomingResponse,
  { limit, what }: { readonly limit: number; readonly what: string },
): Promise<Buffer> {
  const encoding = response.header('content-encoding') ?? 'identity'
  const length = Number(response.header('content-length') ?? 0)
  if (encoding !== 'identity' || length > limit) {
    await response.discard()
    if (length > limit) throw tooLarge(response, { limit, what })
    throw new BallastError('DAMAGED', `${response.peer} sends ${what} encoded, as nobody asked`)
  }
  return readAll(response.body, limit).catch((error: unknown) => {
    throw isBallastError(error, 'REFUSED') ? tooLarge(response, { limit, what }) : error
  })
}

function tooLarge(
  { peer }: IncomingResponse,
  { limit, what }: { readonly limit: number; readonly what: string },
): BallastError {
  return new BallastError('REFUSED', `${peer} sends ${what}: more than ${limit} bytes`, {
    hint: 'check the name, and that this host and port are the right ones',
  })
}
