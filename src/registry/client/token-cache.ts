import { throwIfAborted } from '../../core/index.ts'
import { unlessAborted } from '../../http/index.ts'

/** A token, and until when it is used, in milliseconds as `Date.now` counts them. */
export interface Token {
  readonly value: string
  readonly until: number
}

export interface TokenCache {
  /**
   * The token of a key: the one that is kept, unless it is at its end or the one that was `refused`. All who ask for
   * it while it is fetched share one fetch, which ends when the last of them has been aborted. Failures are not kept.
   */
  get(
    key: string,
    options?: { readonly refused?: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<string>
}

interface Flight {
  readonly token: Promise<Token>
  readonly controller: AbortController
  waiting: number
}

/** `now` is for tests. */
export function createTokenCache(
  fetchToken: (key: string, signal: AbortSignal) => Promise<Token>,
  now: () => number = Date.now,
): TokenCache {
  const kept = new Map<string, Token>()
  const flights = new Map<string, Flight>()

  function startFlight(key: string): Flight {
    const controller = new AbortController()
    const token = fetchToken(key, controller.signal)
    const flight = { token, controller, waiting: 0 }
    flights.set(key, flight)
    token
      .then((fetched) => kept.set(key, fetched))
      .catch(() => undefined)
      .finally(() => land(key, flight))
    return flight
  }

  function land(key: string, flight: Flight): void {
    if (flights.get(key) === flight) flights.delete(key)
  }

  return {
    async get(key, { refused, signal } = {}) {
      throwIfAborted(signal)
      const token = kept.get(key)
      if (token !== undefined && token.value !== refused && now() < token.until) return token.value
      const flight = flights.get(key) ?? startFlight(key)
      flight.waiting++
      try {
        return (await unlessAborted(flight.token, signal)).value
      } finally {
        flight.waiting--
        if (flight.waiting === 0) {
          land(key, flight)
          flight.controller.abort()
        }
      }
    },
  }
}
