import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BallastError, explainSystemError } from '../../core/index.ts'
import type { Engine } from '../../docker/index.ts'
import { bandwidthOf } from '../bandwidth.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import type { Io } from '../io.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { describeJudged } from '../render/mounted.ts'
import type { Session } from '../session.ts'
import { sourceAccess } from '../source-access.ts'
import { defineVerb } from '../verb.ts'

interface ServeOptions extends RegistryOptions {
  readonly registry?: boolean
  readonly listen: string
  readonly credentials?: string
  readonly passwordFile?: string
  readonly hashPassword?: boolean
  readonly tokenAuth?: boolean
  readonly readOnly?: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly maxUpload?: string
  readonly dockerPlugin?: boolean
  readonly pluginSocket: string
  readonly follow?: boolean
  readonly file: string
  readonly status: string
  readonly allowCommands?: boolean
  readonly maxDisk?: string
  readonly maxBandwidth?: string
  readonly gc?: string
}

const PLUGIN_SOCKET = '/run/docker/plugins/ballast.sock'

export const verb = defineVerb<[ServeOptions]>({
  usage: 'serve',
  summary:
    'run the embedded registry, the plugin behind `docker volume create -d ballast`, or what keeps targets current',
  details:
    'Registry: docker, skopeo and ballast pull from it and push to it; models are at HOST/NAME:TAG; the layers of embedded\n' +
    'images are made from the stored files while they are read; GET /healthz, /readyz and /metrics tell how it stands. Docker plugin: volumes that are models of the store,\n' +
    'without a copy, read-only, and refused before the container starts when the model is not whole; where ballast.yaml declares\n' +
    'a reload, applications of volumes with follow=true have to take each version over. Follow: the targets of\n' +
    'ballast.yaml are kept up with their tags, and these with what `from` names outside of this host; what is there stays when a\n' +
    'source is out of reach. GET /healthz, /readyz, /metrics and /targets tell how they stand; the file is read again when it\n' +
    'changes, and on SIGHUP.',
  options: [
    ['--registry', 'answer the OCI distribution API over this store'],
    ['--listen <address>', 'HOST:PORT; port 0 takes a free one', '127.0.0.1:5000'],
    ['--credentials <file>', 'a file with USER:PASSWORD, asked of every client; needed beyond loopback'],
    [
      '--password-file <file>',
      'USER:HASH in each line, as htpasswd -B writes it too; USER:HASH:pull for who may only read',
    ],
    ['--hash-password', 'print the HASH of the password on the standard input, and end'],
    ['--token-auth', 'give tokens to who logs in, instead of asking for the password each time'],
    ['--read-only', 'answer only what changes nothing'],
    [
      '--tls-cert <file>',
      'https with this certificate, in PEM; one that is renewed in its place is used at once',
    ],
    ['--tls-key <file>', 'and its key'],
    ['--max-upload <size>', 'the largest blob that is taken, as 20GiB'],
    ['--docker-plugin', "answer Docker's volume plugin API over this store; needs root"],
    [
      '--plugin-socket <path>',
      'where; its name without .sock is what docker volume create -d calls it',
      PLUGIN_SOCKET,
    ],
    ['--follow', 'keep the targets of ballast.yaml current, as a service of the host or a sidecar'],
    ['--file <path>', 'the file; its paths are relative to its directory', 'ballast.yaml'],
    [
      '--status <address>',
      'HOST:PORT of the endpoints; beyond loopback, only health without a login',
      '127.0.0.1:5080',
    ],
    ['--allow-commands', 'let the commands of ballast.yaml run'],
    [
      '--max-disk <size>',
      'what store and targets may take (20GiB): what nobody needs goes first, and a version without room is refused',
    ],
    ['--max-bandwidth <speed>', 'for all that is fetched together (50MB/s)'],
    [
      '--gc <time>',
      'every so often (6h) remove what the policy of the store does not keep (ballast gc --set-policy)',
    ],
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    'ballast serve --registry',
    'ballast serve --registry --listen 127.0.0.1:0',
    'ballast serve --hash-password < password-of-ann | sed s/^/ann:/ >> users',
    'ballast serve --registry --listen 0.0.0.0:5000 --password-file users --tls-cert cert.pem --tls-key key.pem',
    'sudo ballast serve --docker-plugin',
    'docker volume create -d ballast -o ref=sentiment:prod ml_models',
    'docker run -v ml_models:/app/models my_ml_app:latest',
    'ballast serve --follow --status 0.0.0.0:5080',
  ],
  movesBytes: true,
  async run(session, options) {
    if (options.hashPassword === true) return printHash(session)
    const { registry = false, dockerPlugin = false, follow = false } = options
    if (!registry && !dockerPlugin && !follow && options.gc === undefined) {
      throw new BallastError('USAGE', 'nothing to serve', {
        hint: 'switch a part on: ballast serve --registry, ballast serve --docker-plugin, ballast serve --follow',
      })
    }
    const closing: (() => Promise<void>)[] = []
    const failing: Promise<never>[] = []
    try {
      if (registry) closing.push(await startRegistry(session, options))
      if (dockerPlugin) closing.push(await startPlugin(session, options))
      if (follow) {
        const { close, failed } = await startFollowing(session, options)
        closing.push(close)
        failing.push(failed)
      }
      if (options.gc !== undefined) {
        const { close, failed } = await startGc(session, options.gc)
        closing.push(close)
        failing.push(failed)
      }
      await Promise.race([aborted(session.signal), ...failing])
    } finally {
      for (const close of closing.reverse()) await close()
    }
  },
})

async function startRegistry(
  session: Session,
  {
    listen,
    credentials,
    passwordFile,
    tokenAuth = false,
    readOnly = false,
    tlsCert,
    tlsKey,
    maxUpload,
  }: ServeOptions,
): Promise<() => Promise<void>> {
  const { serveRegistry } = await import('../serve-registry.ts')
  return serveRegistry(session, {
    listen: parseListen(listen),
    credentials: credentials === undefined ? undefined : await readCredentials(credentials),
    ...{ passwordFile, tokenAuth, readOnly, tlsCert, tlsKey, maxUpload },
  })
}

/** One line of the standard input, because a process's arguments can be read by everybody on the machine. */
async function printHash(session: Session): Promise<void> {
  const { hashPassword } = await import('../../registry/index.ts')
  const chunks: Uint8Array[] = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const [password = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/)
  if (password === '') {
    throw new BallastError('USAGE', 'there is no password on the standard input', {
      hint: 'ballast serve --hash-password < FILE',
    })
  }
  const hash = await hashPassword(password)
  session.print({ hash }, () => `${hash}\n`)
}

async function startPlugin(session: Session, options: ServeOptions): Promise<() => Promise<void>> {
  const { serveDockerPlugin } = await import('../../serve/index.ts')
  const { chooseEngine, openEngine } = await import('../../docker/index.ts')
  const store = await session.store()
  const path = resolve(options.pluginSocket)
  const engine = async (): Promise<Engine> => openEngine(await chooseEngine(engineChoice(session.io)))
  const listen = isActivated(session.io.env) ? { fd: FIRST_PASSED, path } : { path }
  const { volumeReloads } = await import('../volume-reloads.ts')
  const { file, allowCommands = false } = options
  const plugin = await serveDockerPlugin(store, {
    ...{ listen, engine, log: session.note },
    reloading: {
      taskOf: volumeReloads(session, { file, allowCommands }),
      onJudged: (volume, judged) =>
        session.printLine(
          { time: new Date().toISOString(), volume, ...judged },
          `${volume}: ${describeJudged(judged)}`,
        ),
    },
  })
  session.printLine(
    { plugin: plugin.name, socket: plugin.socket, store: store.root },
    `volume plugin ${plugin.name} at ${plugin.socket} over ${store.root}`,
  )
  return plugin.close
}

async function startFollowing(
  session: Session,
  options: ServeOptions,
): ReturnType<typeof import('../serve-follow.ts')['serveFollow']> {
  const { readUnit } = await import('../../advise/index.ts')
  const { serveFollow } = await import('../serve-follow.ts')
  const { file, status, credentials, allowCommands = false, maxDisk, maxBandwidth } = options
  const access = imageAccess(session.io, options)
  const bandwidth = await bandwidthOf(maxBandwidth, '--max-bandwidth')
  return serveFollow(session, {
    file,
    status: parseListen(status),
    credentials: credentials === undefined ? undefined : await readCredentials(credentials),
    allowCommands,
    access: { ...access, network: { ...access.network, bandwidth } },
    sources: sourceAccess(session.io, bandwidth),
    maxDisk: maxDisk === undefined ? undefined : readUnit(maxDisk, 'bytes', '--max-disk').value,
  })
}

async function startGc(
  session: Session,
  every: string,
): ReturnType<typeof import('../serve-gc.ts')['serveGc']> {
  const { parseDuration } = await import('../../workflows/duration.ts')
  const { serveGc } = await import('../serve-gc.ts')
  const everyMs = parseDuration(every, '--gc')
  if (everyMs >= 1000) return serveGc(session, everyMs)
  throw new BallastError('USAGE', `--gc ${every}: nothing could be done in between`, { hint: 'as --gc 6h' })
}

/** sd_listen_fds(3): systemd listens already, and passes the socket on. */
const FIRST_PASSED = 3

function isActivated({ LISTEN_FDS, LISTEN_PID }: Io['env']): boolean {
  return Number(LISTEN_FDS) > 0 && LISTEN_PID === `${process.pid}`
}

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
