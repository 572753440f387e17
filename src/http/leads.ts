import { BlockList, isIP } from 'node:net'
import { hostOf } from './host.ts'

/**
 * Whether a server may lead its clients on to a URL: a redirect, the place of an upload, a token server. Only to http
 * and https, not from TLS to none, and not from a public place to this machine or its private network, which the
 * server cannot reach itself.
 */
export function mayLead(from: URL, to: URL): boolean {
  if (!/^https?:$/.test(to.protocol) || isDowngrade(from, to)) return false
  return to.host === from.host || !isInternal(to) || isInternal(from)
}

/** What was begun under TLS does not go on without it. */
export function isDowngrade(from: URL, to: URL): boolean {
  return from.protocol === 'https:' && to.protocol !== 'https:'
}

/** By its name or address alone: what DNS says may be another thing at each time it is asked. */
function isInternal(url: URL): boolean {
  const host = hostOf(url).replace(/\.$/, '')
  const version = isIP(host)
  if (version !== 0) return ADDRESSES.check(host, version === 6 ? 'ipv6' : 'ipv4')
  // Without TLS it was the user who vouched for the host.
  return url.protocol === 'http:' || !host.includes('.') || NAMES.test(host)
}

/** RFC 6761, 6762, 8375, and what ICANN keeps for private use. */
const NAMES = /\.(?:localhost|local|home\.arpa|internal)$/i

const ADDRESSES = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  ADDRESSES.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  ADDRESSES.addSubnet(network, prefix, 'ipv6')
}
