import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

/** What a model server finds of one version: a file `behaviour` in its directory says `good`, or that it `fails`. */
interface Version {
  readonly state: string
  readonly reason: string
}

export interface ModelServer {
  readonly url: string
  /** Of each model, the version that answers requests. */
  readonly served: ReadonlyMap<string, number>
  /** Looks for new versions, as a server that polls does from time to time. */
  readonly poll: () => Promise<void>
}

interface Models {
  readonly served: Map<string, number>
  readonly versions: Map<string, Map<number, Version>>
  /** Loads the highest version of a model; one that fails leaves that which is served. Returns why it failed. */
  readonly load: (name: string) => Promise<string | undefined>
}

function modelsIn(
  repository: string,
  words: { readonly ready: string; readonly gone: string; readonly failed: string },
): Models {
  const served = new Map<string, number>()
  const versions = new Map<string, Map<number, Version>>()
  const load = async (name: string): Promise<string | undefined> => {
    const names = await readdir(join(repository, name)).catch(() => [])
    const highest = Math.max(0, ...names.filter((one) => /^[1-9]\d*$/.test(one)).map(Number))
    if (highest === 0) return `failed to load '${name}', no version is available`
    const known = versions.get(name) ?? new Map<number, Version>()
    versions.set(name, known)
    const path = join(repository, name, `${highest}`, 'behaviour')
    const behaviour = await readFile(path, 'utf8').catch(() => undefined)
    // It has gone between the two looks.
    if (behaviour === undefined) return `failed to load '${name}', failed to poll from model repository`
    if (behaviour.trim() === 'fails') {
      const reason = `Internal: ${name} ${highest} has no signature`
      known.set(highest, { state: words.failed, reason })
      return `load failed for model '${name}': version ${highest} is at UNAVAILABLE state: ${reason};`
    }
    const before = served.get(name)
    if (before !== undefined && before !== highest)
      known.set(before, { state: words.gone, reason: 'unloaded' })
    known.set(highest, { state: words.ready, reason: '' })
    served.set(name, highest)
    return undefined
  }
  return { served, versions, load }
}

type Route = (url: URL, method: string) => Promise<readonly [status: number, body?: unknown]>

async function listen(t: TestContext, route: Route): Promise<string> {
  const server = createServer(async (request, response) => {
    const [status, body] = await route(new URL(request.url ?? '/', 'http://localhost'), request.method ?? '')
    response.writeHead(status).end(body === undefined ? '' : JSON.stringify(body))
  })
  return `http://127.0.0.1:${await listenOnLoopback(t, server)}`
}

/**
 * As Triton's `http_server.cc` and `model_repository_manager.cc` have it, with the usual policy: the latest version. With `polls` it
 * refuses calls that load.
 */
export async function startTriton(
  t: TestContext,
  repository: string,
  { polls = false }: { readonly polls?: boolean } = {},
): Promise<ModelServer> {
  const { served, versions, load } = modelsIn(repository, {
    ready: 'READY',
    gone: 'UNAVAILABLE',
    failed: 'UNAVAILABLE',
  })
  const url = await listen(t, async ({ pathname }, method) => {
    const [, loaded] = /^\/v2\/repository\/models\/([^/]+)\/load$/.exec(pathname) ?? []
    if (method === 'POST' && loaded !== undefined) {
      const why = polls
        ? 'explicit model load / unload is not allowed if polling is enabled'
        : await load(decodeURIComponent(loaded))
      return why === undefined ? [200] : [400, { error: why }]
    }
    const [, name, version] = /^\/v2\/models\/([^/]+)\/versions\/(\d+)\/ready$/.exec(pathname) ?? []
    if (method === 'GET' && name !== undefined) {
      if (!versions.has(name)) return [404, { error: `Request for unknown model: '${name}' is not found` }]
      return served.get(name) === Number(version) ? [200] : [400, { error: 'Model version not ready' }]
    }
    if (method !== 'POST' || pathname !== '/v2/repository/index')
      return [405, { error: 'Method Not Allowed' }]
    return [
      200,
      [...versions].flatMap(([model, all]) =>
        [...all].map(([number, { state, reason }]) => ({ name: model, version: `${number}`, state, reason })),
      ),
    ]
  })
  return { url, served, poll: () => loadAll(repository, load) }
}

/** As TensorFlow Serving's `/v1/models/NAME` (`get_model_status_impl.cc`): the versions that it knows, those that failed with the state END. */
export async function startServing(t: TestContext, repository: string): Promise<ModelServer> {
  const { served, versions, load } = modelsIn(repository, { ready: 'AVAILABLE', gone: 'END', failed: 'END' })
  const url = await listen(t, async ({ pathname }) => {
    const [, name = ''] = /^\/v1\/models\/([^/]+)$/.exec(pathname) ?? []
    const known = versions.get(name)
    if (known === undefined) return [404, { error: `Could not find any versions of model ${name}` }]
    const status = [...known].map(([number, { state, reason }]) => ({
      version: `${number}`,
      state,
      status:
        reason === '' || reason === 'unloaded'
          ? { error_code: 'OK', error_message: '' }
          : { error_code: 'INTERNAL', error_message: reason },
    }))
    return [200, { model_version_status: status }]
  })
  return { url, served, poll: () => loadAll(repository, load) }
}

async function loadAll(repository: string, load: Models['load']): Promise<void> {
  for (const name of await readdir(repository).catch(() => [])) await load(name)
}
