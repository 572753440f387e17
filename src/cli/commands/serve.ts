import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { BallastError, explainSystemError } from '../../core/index.ts'
import { defineVerb } from '../verb.ts'

interface ServeOptions {
  readonly registry?: boolean
  readonly listen: string
  readonly credentials?: string
}

export const verb = defineVerb<[ServeOptions]>({
  usage: 'serve',
  summary: 'run the embedded registry: docker, skopeo and ballast pull from it and push to it',
  details:
    'Models are at HOST/NAME:TAG; the layers of embedded images are made from the stored files while they are read.',
  options: [
    ['--registry', 'answer the OCI distribution API over this store'],
    ['--listen <address>', 'HOST:PORT; port 0 takes a free one', '127.0.0.1:5000'],
    ['--credentials <file>', 'a file with USER:PASSWORD, asked of every client; needed beyond loopback'],
  ],
  examples: ['ballast serve --registry', 'ballast serve --registry --listen 127.0.0.1:0'],
  async run(session, options) {
    if (options.registry !== true) {
      throw new BallastError('USAGE', 'nothing to serve', {
        hint: 'switch a part on: ballast serve --registry',
      })
    }
    const listen = parseListen(options.listen)
    const credentials =
      options.credentials === undefined ? undefined : await readCredentials(options.credentials)
    const { serveRegistry } = await import('../../serve/index.ts')
    const store = await session.store()
    const serving = await serveRegistry(store, { listen, credentials, log: session.note })
    session.printLine(
      { url: serving.url, store: store.root },
      `registry at ${serving.url} over ${store.root}`,
    )
    await aborted(session.signal)
    await serving.close()
  },
})

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535) {
    throw new BallastError('USAGE', `not an address: ${JSON.stringify(text)}`, {
      hint: 'write HOST:PORT, as 127.0.0.1:5000',
    })
  }
  return { host: host === '' ? '127.0.0.1' : host, port: Number(port) }
}

/** From a file, because a process's arguments can be read by everybody on the machine. */
async function readCredentials(
  path: string,
): Promise<{ readonly username: string; readonly password: string }> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw explainSystemError(error)
  })
  const line = text.split('\n')[0] ?? ''
  const colon = line.indexOf(':')
  if (colon > 0 && colon < line.length - 1) {
    return { username: line.slice(0, colon), password: line.slice(colon + 1).replace(/\r$/, '') }
  }
  throw new BallastError('USAGE', `${path} does not hold USER:PASSWORD in its first line`)
}
