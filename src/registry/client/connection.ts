import { type IncomingResponse, type RetryDelays, withRetries } from '../../http/index.ts'
import { formatRoute, type Route } from '../protocol/index.ts'
import { refusalOf } from './refusals.ts'
import type { RegistryRequest, RegistrySend } from './request.ts'

/** One registry, ready to be asked. */
export interface Connection {
  /** As the user writes it. */
  readonly host: string
  readonly base: URL
  readonly send: RegistrySend
  readonly retryDelays: RetryDelays
}

export function urlOf({ base }: Connection, route: Route): URL {
  return new URL(formatRoute(route), base)
}

export interface Expectation {
  /** The statuses that are answers; any other is thrown. */
  readonly statuses: readonly number[]
  /** For people, behind "refuses": `the upload of sha256:…`. */
  readonly what: string
}

/** Asks once. Throws what `refusalOf` makes of an unexpected status. */
export async function askOnce(
  connection: Connection,
  request: RegistryRequest,
  { statuses, what }: Expectation,
): Promise<IncomingResponse> {
  const response = await connection.send(request)
  if (statuses.includes(response.status)) return response
  throw await refusalOf(response, what)
}

/** Asks until there is an answer or the waits are used up. For requests without a large body. */
export function ask(
  connection: Connection,
  request: RegistryRequest,
  expectation: Expectation,
): Promise<IncomingResponse> {
  return withRetries(connection.retryDelays, request.signal, () => askOnce(connection, request, expectation))
}
