import { type ChildProcess, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { BallastError, systemCode } from '../../core/index.ts'
import { parseJson } from '../../model/index.ts'
import type { Credentials, Login } from '../protocol/index.ts'

export interface HelperRequest {
  /** `docker-credential-<name>` is looked for in the PATH. */
  readonly name: string
  /** What the login was stored under: a host, or a URL as Docker Hub's. */
  readonly server: string
  /** The file that names the helper, for people. */
  readonly path: string
  readonly timeoutMs: number
}

/** A file name alone: it comes from a file that other programs write, and must not lead to any program there is. */
const SAFE_NAME = /^[A-Za-z0-9][\w.-]*$/
/** `<token>` in the place of a user name says that the secret is a refresh token. */
const TOKEN_USER = '<token>'
const NOT_FOUND = /credentials not found|no credentials server URL|no credentials username/i
const LONGEST_ANSWER = 1024 * 1024

/**
 * What a credential helper keeps for a server (docker-credential-helpers, "Development"); undefined where it has none.
 * Throws UNAUTHORIZED for a helper that is missing, fails, takes too long or answers something else, and REFUSED for a
 * name that is none. What the helper prints stands in no error: it may hold the secret.
 */
export async function askHelper(request: HelperRequest): Promise<Login | undefined> {
  const { code, out, err } = await run(request, 'get', request.server)
  if (code !== 0) {
    if (NOT_FOUND.test(out) || NOT_FOUND.test(err)) return undefined
    throw failed(request, code === null ? 'was killed' : `ended with ${code}`)
  }
  const { Username: username, Secret: secret } = parseJson(Buffer.from(out)) ?? {}
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(request, `answers something else than a login for ${request.server}`)
  }
  if (secret === '') return undefined
  return username === TOKEN_USER ? { identityToken: secret } : { username, password: secret }
}

/** Gives a helper a login to keep. Throws as `askHelper` does. */
export async function giveHelper(request: HelperRequest, login: Credentials): Promise<void> {
  const { server } = request
  const given = { ServerURL: server, Username: login.username, Secret: login.password }
  const { code } = await run(request, 'store', JSON.stringify(given))
  if (code !== 0) throw failed(request, 'does not keep the login')
}

/** Has a helper forget what it keeps for a server; false where it keeps nothing. Throws as `askHelper` does. */
export async function eraseFromHelper(request: HelperRequest): Promise<boolean> {
  if ((await askHelper(request)) === undefined) return false
  const { code } = await run(request, 'erase', request.server)
  if (code !== 0) throw failed(request, 'does not forget the login')
  return true
}

interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function run(request: HelperRequest, action: 'get' | 'store' | 'erase', input: string): Promise<Ended> {
  const { name, path } = request
  if (!SAFE_NAME.test(name)) {
    throw new BallastError(
      'REFUSED',
      `${path} names a credential helper that cannot be one: ${JSON.stringify(name)}`,
      {
        hint: 'a name such as "pass" is expected, for the program docker-credential-pass',
      },
    )
  }
  const child = spawn(`docker-credential-${name}`, [action], { stdio: 'pipe', windowsHide: true })
  const spoiled = Promise.withResolvers<never>()
  const stop = (why: string): void => {
    spoiled.reject(failed(request, why))
    abandon(child)
  }
  const timer = setTimeout(
    () => stop(`does not answer within ${request.timeoutMs / 1000} s`),
    request.timeoutMs,
  )
  child.on('error', (error) => stop(explainStart(error)))
  let length = 0
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > LONGEST_ANSWER) stop('answers without end')
    })
  }
  // One that does not read what it is asked fails, or has its reasons.
  child.stdin.on('error', () => undefined).end(`${input}\n`)
  const ended = Promise.all([exitOf(child), text(child.stdout), text(child.stderr)])
  try {
    const [code, out, err] = await Promise.race([ended, spoiled.promise])
    return { code, out, err }
  } finally {
    ended.catch(() => undefined)
    clearTimeout(timer)
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

/** Whatever it has started itself may live on and hold its pipes open, and is not waited for. */
function abandon(child: ChildProcess): void {
  child.kill('SIGKILL')
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
  child.unref()
}

function explainStart(error: Error): string {
  const code = systemCode(error)
  if (code === 'ENOENT') return 'is not installed, or not in the PATH'
  return code === 'EACCES' ? 'may not be executed by this user' : `cannot be started (${code ?? error.name})`
}

function failed({ name, path, server }: HelperRequest, why: string): BallastError {
  return new BallastError('UNAUTHORIZED', `the credential helper docker-credential-${name} ${why}`, {
    hint:
      `it keeps the login for ${server}: try  echo ${server} | docker-credential-${name} get  ` +
      `or take it out of ${path} and log in again`,
  })
}
