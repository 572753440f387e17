import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, digestOf, hexOf, readIfPresent } from '../core/index.ts'
import { parseJson } from '../model/index.ts'

/** Where an Engine listens. */
export interface EngineEndpoint {
  /** For people, as `DOCKER_HOST` has it: `unix:///var/run/docker.sock`, `tcp://10.0.0.2:2376`. */
  readonly url: string
  readonly connect:
    | { readonly socketPath: string }
    | { readonly host: string; readonly port: number; readonly tls: EngineTls | undefined }
}

export interface EngineTls {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

/** What decides which Engine is meant, as the docker command has it. */
export interface EngineChoice {
  /** `DOCKER_HOST` */
  readonly host?: string | undefined
  /** `DOCKER_CONTEXT` */
  readonly context?: string | undefined
  /** `DOCKER_TLS_VERIFY` is set. */
  readonly tlsVerify?: boolean | undefined
  /** `DOCKER_CERT_PATH` */
  readonly certPath?: string | undefined
  /** Docker's configuration directory. */
  readonly dockerConfig: string
}

export const DEFAULT_ENGINE = 'unix:///var/run/docker.sock'

/** The Engine that the docker command would speak to. Throws USAGE for an address that cannot be used, NOT_FOUND for an unknown context. */
export async function chooseEngine(choice: EngineChoice): Promise<EngineEndpoint> {
  const url = nonEmpty(choice.host) ?? (await hostOfContext(choice)) ?? DEFAULT_ENGINE
  return parseEndpoint(url, choice)
}

async function parseEndpoint(
  url: string,
  { tlsVerify, certPath, dockerConfig }: EngineChoice,
): Promise<EngineEndpoint> {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(url) ?? []
  if (scheme === 'unix' && rest.startsWith('/')) return { url, connect: { socketPath: rest } }
  if (scheme === 'tcp' || scheme === 'http' || scheme === 'https') {
    const { hostname, port } = new URL(`http://${rest}`)
    const tls =
      tlsVerify === true || scheme === 'https' ? await readTls(nonEmpty(certPath) ?? dockerConfig) : undefined
    const fallback = tls === undefined ? 2375 : 2376
    const host = hostname.replace(/^\[|\]$/g, '')
    return { url, connect: { host, port: port === '' ? fallback : Number(port), tls } }
  }
  throw new BallastError('USAGE', `the Engine's address ${url} cannot be used`, {
    hint:
      scheme === 'ssh'
        ? 'forward its socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST, and set DOCKER_HOST=unix:///tmp/docker.sock'
        : 'set DOCKER_HOST to unix:///PATH or tcp://HOST:PORT',
  })
}

async function readTls(directory: string): Promise<EngineTls> {
  const read = (name: string): Promise<Buffer> => readFile(join(directory, name))
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')])
  return { ca, cert, key }
}

/** Contexts stand in files that are named by the hash of their names (docker/cli, cli/context/store). */
async function hostOfContext({ context, dockerConfig }: EngineChoice): Promise<string | undefined> {
  const name = nonEmpty(context) ?? (await currentContext(dockerConfig))
  if (name === undefined || name === 'default') return undefined
  const file = join(dockerConfig, 'contexts', 'meta', hexOf(digestOf(name)), 'meta.json')
  const bytes = await readIfPresent(file)
  const endpoints = (bytes === undefined ? undefined : parseJson(bytes)?.Endpoints) as
    | { readonly docker?: { readonly Host?: unknown } }
    | undefined
  const host = endpoints?.docker?.Host
  if (typeof host === 'string') return host
  throw new BallastError('NOT_FOUND', `there is no docker context ${JSON.stringify(name)}`, {
    hint: 'docker context ls lists them',
  })
}

async function currentContext(dockerConfig: string): Promise<string | undefined> {
  const bytes = await readIfPresent(join(dockerConfig, 'config.json'))
  const name = bytes === undefined ? undefined : parseJson(bytes)?.currentContext
  return typeof name === 'string' ? nonEmpty(name) : undefined
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
