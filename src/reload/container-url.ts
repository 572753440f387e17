import type { ContainerRecord } from '../docker/index.ts'

export interface HttpCall {
  readonly method: string
  readonly url: string
}

/** Of `GET http://localhost:8000/health`. */
export function readCall(text: string): HttpCall {
  const [method = 'GET', url = ''] = text.split(' ')
  return { method, url }
}

/**
 * `GET http://localhost:8000/health` for one replica of several: the port is one of the container's on the host, else the one
 * on which its port of that number is published, else is asked of the container itself.
 */
export function containerCall(
  text: string,
  { ports, addresses }: Pick<ContainerRecord, 'ports' | 'addresses'>,
): HttpCall {
  const call = readCall(text)
  const url = new URL(call.url)
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const onHost = ports.find(({ hostPort }) => `${hostPort}` === port)
  const inside = ports.find((binding) => binding.port === `${port}/tcp`)
  const [address] = addresses
  const binding = onHost ?? inside
  if (binding !== undefined) {
    url.port = `${binding.hostPort}`
    if (isSpecific(binding.hostIp)) url.hostname = binding.hostIp
  } else if (address !== undefined) {
    url.hostname = address
  }
  return { ...call, url: url.href }
}

/** Published at one address of the host only; an IPv6 address would have to be written otherwise in a URL. */
function isSpecific(hostIp: string): boolean {
  return /^[\d.]+$/.test(hostIp) && hostIp !== '0.0.0.0'
}
