import type { CallOptions } from '../core/index.ts'
import { heldByContainers, inspectContainer, readRunArguments } from '../docker/index.ts'
import { withEngine } from './engine-access.ts'
import { engineOf, type RunRequest } from './run-request.ts'

/**
 * What may have kept docker from starting the container, for exit code 125: it has said so itself, without what to do.
 * Undefined where nothing is known.
 */
export async function explainRefusal(
  request: Pick<RunRequest, 'args' | 'image' | 'access'>,
  options: CallOptions = {},
): Promise<string | undefined> {
  const { options: given } = readRunArguments(request.args, request)
  return withEngine(engineOf(request.access), async (engine) => {
    const ports = given.filter(({ name }) => name === 'publish').flatMap(({ value }) => hostPorts(value))
    const taken = (await heldByContainers(engine, options)).ports.find(({ port }) => ports.includes(port))
    if (taken !== undefined) {
      return `port ${taken.port} is published by the container ${taken.container}: stop it (docker stop ${taken.container}), or publish another port`
    }
    const name = given.find((option) => option.name === 'name')?.value
    const there =
      name === undefined ? undefined : await inspectContainer(engine, name, options).catch(() => undefined)
    if (there !== undefined) {
      return `there is a container ${there.name} (${there.isRunning ? 'running' : 'not running'}): docker rm -f ${there.name} removes it, or give another --name`
    }
    return undefined
  })
}

/** `8000:80`, `127.0.0.1:8000:80/tcp`; ranges are left to docker. */
function hostPorts(value: string): readonly number[] {
  const [, port] = /(?:^|:)(\d+):\d+(?:\/\w+)?$/.exec(value) ?? []
  return port === undefined ? [] : [Number(port)]
}
