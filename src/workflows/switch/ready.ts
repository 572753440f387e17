import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, type CallOptions, throwIfAborted } from '../../core/index.ts'
import { type ContainerRecord, type Engine, lastLogLines, readContainer } from '../../docker/index.ts'
import type { Reload } from '../../model/index.ts'

const USUAL_WITHIN_MS = 60_000
const POLL_MS = 100
/** For how long a container has to run that says nothing of itself. */
const SETTLED_MS = 3000
const LONGEST_ANSWER_MS = 5000

/**
 * Waits until a container that was started answers `ready` with 200, or its HEALTHCHECK is content, or, without either,
 * it has run for a few seconds. Throws REFUSED with the last lines of its log where it ends, or the time does.
 */
export async function waitUntilReady(
  engine: Engine,
  id: string,
  { reload, signal }: CallOptions & { readonly reload: Reload | undefined },
): Promise<void> {
  const withinMs = reload?.within === undefined ? USUAL_WITHIN_MS : millisecondsOf(reload.within)
  const started = performance.now()
  let why = ''
  for (;;) {
    throwIfAborted(signal)
    const container = await readContainer(engine, id, { signal })
    const { isRunning, exitCode, restarts, health } = container.state
    if (!isRunning || restarts > 0) throw await notReady(engine, container, `it ended with ${exitCode}`)
    const waited = performance.now() - started
    if (reload?.ready !== undefined) {
      const url = readyUrl(reload.ready, container)
      why = await whyNotAnswering(url, signal)
      if (why === '') return
    } else if (health !== undefined) {
      if (health === 'healthy') return
      if (health === 'unhealthy') throw await notReady(engine, container, 'its HEALTHCHECK fails')
      why = `its HEALTHCHECK says ${health}`
    } else if (waited >= SETTLED_MS) return
    if (waited >= withinMs)
      throw await notReady(engine, container, `after ${Math.round(waited / 1000)} s, ${why}`)
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function notReady(engine: Engine, { id, name }: ContainerRecord, why: string): Promise<BallastError> {
  const lines = await lastLogLines(engine, id)
  const log = lines.length === 0 ? '' : `; its last lines:\n${lines.map((line) => `    ${line}`).join('\n')}`
  return new BallastError('REFUSED', `${name} is not ready: ${why}${log}`)
}

/** Empty when it is ready. */
async function whyNotAnswering(
  { method, url }: { readonly method: string; readonly url: string },
  signal: AbortSignal | undefined,
): Promise<string> {
  const times = AbortSignal.timeout(LONGEST_ANSWER_MS)
  try {
    const answer = await fetch(url, { method, signal: signal ? AbortSignal.any([signal, times]) : times })
    await answer.body?.cancel()
    return answer.status === 200 ? '' : `${url} answers ${answer.status}`
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `${url} does not answer (${cause instanceof Error ? cause.message : cause})`
  }
}

/**
 * `GET http://localhost:8000/health` for one replica of several: the port is one of the container's on the host, else the one
 * on which its port of that number is published, else is asked of the container itself.
 */
export function readyUrl(
  ready: string,
  { ports, addresses }: Pick<ContainerRecord, 'ports' | 'addresses'>,
): { readonly method: string; readonly url: string } {
  const [method = 'GET', text = ''] = ready.split(' ')
  const url = new URL(text)
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const onHost = ports.find(({ hostPort }) => `${hostPort}` === port)
  const inside = ports.find((binding) => binding.port === `${port}/tcp`)
  const [address] = addresses
  const binding = onHost ?? inside
  if (binding !== undefined) {
    url.port = `${binding.hostPort}`
    if (isSpecific(binding.hostIp)) url.hostname = binding.hostIp
  } else if (ports.length === 0 && address !== undefined) {
    url.hostname = address
  }
  return { method, url: url.href }
}

/** Published at one address of the host only; an IPv6 address would have to be written otherwise in a URL. */
function isSpecific(hostIp: string): boolean {
  return /^[\d.]+$/.test(hostIp) && hostIp !== '0.0.0.0'
}

export function millisecondsOf(text: string): number {
  const [, number = '0', unit = 's'] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  return Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1000)
}
