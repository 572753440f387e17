import { type CallOptions, isBallastError } from '../core/index.ts'
import type { ContainerCopy } from './container-copy.ts'
import type { Engine } from './engine.ts'

/** Not started. The id. Throws NOT_FOUND for an image that is not there, CONFLICT for a name that is taken. */
export async function makeContainer(
  engine: Engine,
  { name, copy }: { readonly name: string; readonly copy: ContainerCopy },
): Promise<string> {
  const path = '/containers/create'
  const { Id } = await engine.call<{ readonly Id: string }>({
    method: 'POST',
    path,
    query: { name },
    json: copy.create,
  })
  try {
    for (const { network, endpoint } of copy.connect) {
      await engine.call<undefined>({
        method: 'POST',
        path: `/networks/${encodeURIComponent(network)}/connect`,
        json: { Container: Id, EndpointConfig: endpoint },
      })
    }
  } catch (error) {
    await dropContainer(engine, Id)
    throw error
  }
  return Id
}

/** One that runs already stays as it is. */
export async function startContainer(engine: Engine, id: string): Promise<void> {
  await engine.call<undefined>({ method: 'POST', path: `/containers/${id}/start` })
}

/** With the signal and the time that the container has for it; returns once it has stopped. */
export async function stopContainer(engine: Engine, id: string): Promise<void> {
  await engine.call<undefined>({ method: 'POST', path: `/containers/${id}/stop` })
}

/** Stops it as `stopContainer` does and starts it again; one that does not run is started. */
export async function restartContainer(
  engine: Engine,
  id: string,
  { signal }: CallOptions = {},
): Promise<void> {
  await engine.call<undefined>({ method: 'POST', path: `/containers/${id}/restart`, signal })
}

/** To the container's first process. Throws CONFLICT where it does not run. */
export async function signalContainer(
  engine: Engine,
  { id, name }: { readonly id: string; readonly name: NodeJS.Signals },
  { signal }: CallOptions = {},
): Promise<void> {
  const path = `/containers/${id}/kill`
  await engine.call<undefined>({ method: 'POST', path, query: { signal: name }, signal })
}

export async function renameContainer(engine: Engine, id: string, name: string): Promise<void> {
  await engine.call<undefined>({ method: 'POST', path: `/containers/${id}/rename`, query: { name } })
}

/** Also while it runs. Volumes stay, those without a name too, because another container has them. */
export async function dropContainer(engine: Engine, id: string): Promise<void> {
  const call = { method: 'DELETE', path: `/containers/${id}`, query: { force: true } } as const
  await engine.call<undefined>(call).catch((error: unknown) => {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
  })
}

export interface ListedContainer {
  readonly id: string
  readonly name: string
  readonly isRunning: boolean
  readonly labels: Readonly<Record<string, string>>
  /** `bridge`, or `container:ID` where it uses that of another one. */
  readonly networkMode: string
}

/** In whatever state, with their labels. */
export async function allContainers(
  engine: Engine,
  { signal }: CallOptions = {},
): Promise<readonly ListedContainer[]> {
  const found = await engine.call<
    readonly {
      readonly Id: string
      readonly Names?: readonly string[]
      readonly State?: string
      readonly Labels?: Readonly<Record<string, string>> | null
      readonly HostConfig?: { readonly NetworkMode?: string }
    }[]
  >({ path: '/containers/json', query: { all: true }, signal })
  return found.map(({ Id, Names, State, Labels, HostConfig }) => ({
    id: Id,
    name: (Names?.[0] ?? '').replace(/^\//, ''),
    isRunning: State === 'running' || State === 'restarting' || State === 'paused',
    labels: Labels ?? {},
    networkMode: HostConfig?.NetworkMode ?? '',
  }))
}

const LAST_LINES = 5
const LARGEST_LOG = 64 * 1024

/** The last lines that a container has written; none where its log cannot be read. */
export async function lastLogLines(engine: Engine, id: string): Promise<readonly string[]> {
  const query = { stdout: true, stderr: true, tail: LAST_LINES }
  try {
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of await engine.stream({ path: `/containers/${id}/logs`, query })) {
      parts.push(part)
      size += part.length
      if (size > LARGEST_LOG) break
    }
    return textOf(Buffer.concat(parts))
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .slice(-LAST_LINES)
  } catch {
    return []
  }
}

/** Without a terminal each piece has a header of eight bytes: which stream, three zeros, its length. */
function textOf(bytes: Buffer): string {
  let text = ''
  let at = 0
  while (at + 8 <= bytes.length) {
    const isFramed = bytes.readUInt8(at) <= 2 && bytes.readUIntBE(at + 1, 3) === 0
    if (!isFramed) return bytes.toString('utf8')
    const length = bytes.readUInt32BE(at + 4)
    text += bytes.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length
  }
  return text
}
