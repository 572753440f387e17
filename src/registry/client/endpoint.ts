import { BallastError } from '../../core/index.ts'

/** Docker Hub's API does not stand where its name says. */
const HUB = ['docker.io', 'index.docker.io']
const HUB_ENDPOINT = 'registry-1.docker.io'

/**
 * The origin of a registry: https, and http for this machine itself or where `plainHttp` asks for it.
 * `host` is as in a reference: `localhost:5000`. Throws USAGE.
 */
export function endpointOf(host: string, plainHttp = isLoopback(host)): URL {
  const target = HUB.includes(host) ? HUB_ENDPOINT : host
  try {
    const url = new URL(`${plainHttp ? 'http' : 'https'}://${target}/`)
    const extra = url.username + url.password + url.search + url.hash
    if (url.pathname === '/' && extra === '' && !target.includes('@')) return url
  } catch {
    // The error below says it better.
  }
  throw new BallastError('USAGE', `not a registry host: ${JSON.stringify(host.replace(/^.*@/, ''))}`, {
    hint: 'write HOST or HOST:PORT, for example localhost:5000',
  })
}

/** `localhost`, 127.0.0.0/8 and `[::1]`, with or without a port. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host)
}
