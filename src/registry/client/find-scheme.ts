import { type CallOptions, isBallastError } from '../../core/index.ts'
import { createTransport, type Network, type Patience } from '../../http/index.ts'
import { formatRoute } from '../protocol/index.ts'
import { endpointOf, isLoopback } from './endpoint.ts'

/**
 * Whether an insecure registry is spoken to without TLS: where it answers to http and to https not. To be asked for those alone
 * that are said to be insecure. Throws INTERRUPTED.
 */
export async function speaksPlainHttp(
  host: string,
  { network, patience }: { readonly network: Network; readonly patience?: Partial<Patience> | undefined },
  { signal }: CallOptions = {},
): Promise<boolean> {
  if (isLoopback(host)) return true
  const send = createTransport({ peer: 'registry', network, patience })
  for (const plainHttp of [false, true]) {
    const url = new URL(formatRoute({ kind: 'base' }), endpointOf(host, plainHttp))
    const answer = await send({ method: 'GET', url, signal }).catch((error: unknown) => {
      if (!isBallastError(error) || isBallastError(error, 'INTERRUPTED')) throw error
      return undefined
    })
    await answer?.discard()
    if (answer !== undefined) return plainHttp
  }
  return false
}
