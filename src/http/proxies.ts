import { BlockList, isIP } from 'node:net'
import { BallastError } from '../core/index.ts'
import { hostOf } from './host.ts'

/** The conventional variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as they are written there. */
export interface Proxies {
  readonly http?: string | undefined
  readonly https?: string | undefined
  readonly no?: string | undefined
}

/**
 * The proxy for a URL, by the rules of Go's httpproxy, which other container tools follow: this machine is reached
 * without; NO_PROXY lists hosts with all below them, `.domains`, addresses and CIDR networks, each perhaps with a port, or
 * is `*`. Undefined for none. Throws USAGE for a proxy that is no URL of http or https.
 */
export function proxyFor(url: URL, { http, https, no = '' }: Proxies): URL | undefined {
  const written = url.protocol === 'https:' ? https : http
  if (!written || isExcepted(url, no)) return undefined
  const proxy = URL.parse(written.includes('://') ? written : `http://${written}`)
  if (proxy !== null && /^https?:$/.test(proxy.protocol)) return proxy
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  throw new BallastError('USAGE', `${name} is no address of an http proxy`, {
    hint: 'write it as http://HOST:PORT, or unset it',
  })
}

function isExcepted(url: URL, no: string): boolean {
  const host = hostOf(url).replace(/\.$/, '')
  if (host === 'localhost' || isIn(host, '127.0.0.0/8') || isIn(host, '::1/128')) return true
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return no.split(/[,\s]+/).some((entry) => entry !== '' && matches({ host, port }, entry.toLowerCase()))
}

function matches({ host, port }: { readonly host: string; readonly port: string }, entry: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isIn(host, entry)
  const [, bracketed, plain, wanted] = /^(?:\[(.+)\]|(.+?))(?::(\d+))?$/.exec(entry) ?? []
  const name = isIP(entry) === 6 ? entry : (bracketed ?? plain ?? entry)
  if (isIP(entry) !== 6 && wanted !== undefined && wanted !== port) return false
  if (isIP(name) !== 0) return isIn(host, name)
  const domain = name.replace(/^\*?\./, '')
  return host.endsWith(`.${domain}`) || (host === domain && !name.startsWith('.') && !name.startsWith('*.'))
}

/** Whether an address is the one, or of the network, that is written. */
function isIn(host: string, written: string): boolean {
  const [address = '', prefix] = written.split('/')
  const [family, version] = [isIP(host), isIP(address)]
  if (family === 0 || family !== version) return false
  const most = family === 6 ? 128 : 32
  const bits = prefix === undefined ? most : Number(prefix)
  if (!Number.isInteger(bits) || bits < 0 || bits > most) return false
  const network = new BlockList()
  network.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4')
  return network.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
