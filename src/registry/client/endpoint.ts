import { BallastError } from '../../core/index.ts'

/** What references call Docker Hub. Its API does not stand there. */
const HUB = 'docker.io'
const HUB_ENDPOINT = 'registry-1.docker.io'
const HUB_NAMES = [HUB, 'index.docker.io', HUB_ENDPOINT]

export interface RepositoryPlace {
  readonly host: string
  readonly name: string
}

/**
 * One name for each repository: Docker Hub is `docker.io` however it was called, and its own images, whose names have no
 * slash, are below `library/`.
 */
export function normalisePlace({ host, name }: RepositoryPlace): RepositoryPlace {
  if (!isHub(host)) return { host, name }
  return { host: HUB, name: name.includes('/') ? name : `library/${name}` }
}

export function isHub(host: string): boolean {
  return HUB_NAMES.includes(host.toLowerCase())
}

/**
 * The origin of a registry: https, and http for this machine itself or where `plainHttp` asks for it.
 * `host` is as in a reference: `localhost:5000`. Throws USAGE.
 */
export function endpointOf(host: string, plainHttp = isLoopback(host)): URL {
  const target = isHub(host) ? HUB_ENDPOINT : host
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
