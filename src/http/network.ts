import { getCACertificates } from 'node:tls'
import { Agent, type Dispatcher, ProxyAgent } from 'undici'
import type { Bandwidth } from './bandwidth.ts'
import { type BulkPool, createBulkPool } from './bulk.ts'
import { type Proxies, proxyFor } from './proxies.ts'

/** How others are reached from here. Connections are shared by all who are given the same object. */
export interface Network {
  readonly proxies?: Proxies | undefined
  readonly tls?: TlsFiles | undefined
  /** For what is sent and received together. */
  readonly bandwidth?: Bandwidth | undefined
}

/** In PEM. */
export interface TlsFiles {
  /** Trusted beside those that Node.js trusts. */
  readonly ca?: readonly string[] | undefined
  /** What this client proves itself with. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The certificate of the other side is not verified. */
  readonly unverified?: boolean | undefined
}

/** Which pool of connections leads to a URL. */
export type Route = (url: URL) => {
  readonly dispatcher: Dispatcher
  readonly proxy: URL | undefined
  /** For long bodies; none where there is a proxy. */
  readonly bulk: BulkPool | undefined
}

const routes = new WeakMap<Network, Route>()

export function routeOf(network: Network): Route {
  const known = routes.get(network) ?? createRoute(network)
  routes.set(network, known)
  return known
}

/** Without undici's own timeouts, which would end a slow upload (undici 8). */
const AGENT = { headersTimeout: 0, bodyTimeout: 0, allowH2: false }
/** By HTTP/1.1 alone: one connection of HTTP/2 would share one stream's loss among all parts of a transfer. */
const CONNECT = { timeout: 10_000, allowH2: false }

function createRoute({ proxies = {}, tls }: Network): Route {
  const secure = tls === undefined ? {} : tlsOptions(tls)
  const connect = { ...CONNECT, ...secure }
  let direct: Agent | undefined
  const bulk = createBulkPool(secure)
  const through = new Map<string, ProxyAgent>()
  return (url) => {
    const proxy = proxyFor(url, proxies)
    if (proxy === undefined) {
      direct ??= new Agent({ ...AGENT, connect })
      return { dispatcher: direct, proxy, bulk }
    }
    const agent =
      through.get(proxy.href) ??
      // http goes through it without a tunnel: many proxies let CONNECT lead to the ports of TLS alone.
      new ProxyAgent({
        ...AGENT,
        uri: proxy.href,
        proxyTunnel: false,
        requestTls: connect,
        proxyTls: connect,
      })
    through.set(proxy.href, agent)
    return { dispatcher: agent, proxy, bulk: undefined }
  }
}

function tlsOptions({ ca, cert, key, unverified = false }: TlsFiles): object {
  return {
    ...(unverified && { rejectUnauthorized: false }),
    ...(ca && { ca: [...getCACertificates('default'), ...ca] }),
    ...(cert && { cert }),
    ...(key && { key }),
  }
}
