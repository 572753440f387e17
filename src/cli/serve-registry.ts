import { readFile } from 'node:fs/promises'
import { BallastError, explainSystemError } from '../core/index.ts'
import {
  type Certificate,
  type Credentials,
  oneUser,
  openPasswordFile,
  type Users,
} from '../registry/index.ts'
import { type Serving, serveRegistry as startServing } from '../serve/index.ts'
import type { Session } from './session.ts'

export interface ServeRegistryOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly credentials: Credentials | undefined
  readonly passwordFile: string | undefined
  readonly tokenAuth: boolean
  readonly readOnly: boolean
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  /** A size for people to write, as 20GiB. */
  readonly maxUpload: string | undefined
}

/** Serves the store as a registry until it is closed. Throws USAGE for options that contradict one another. */
export async function serveRegistry(
  session: Session,
  { listen, tokenAuth, readOnly, ...options }: ServeRegistryOptions,
): Promise<() => Promise<void>> {
  const users = await usersOf(options)
  if (tokenAuth && users === undefined) {
    throw new BallastError('USAGE', '--token-auth gives tokens to who has a login, and nobody has one', {
      hint: 'add --password-file FILE or --credentials FILE',
    })
  }
  const tls = await tlsOf(options)
  const mostBytes = await sizeOf(options.maxUpload)
  const store = await session.store()
  const serving = await startServing(store, {
    ...{ listen, users, tls, readOnly, mostBytes },
    withTokens: tokenAuth,
    log: session.note,
  })
  session.printLine({ url: serving.url, store: store.root }, `registry at ${serving.url} over ${store.root}`)
  const stop = renewing(options, { tls, serving, note: session.note })
  return () => {
    stop()
    return serving.close()
  }
}

/** How often the files of the certificate are looked at, in milliseconds. */
const RENEWED_MS = 10_000

/** A certificate that is renewed in its place is used from then on. One that cannot be is told once, and the former one stays. */
function renewing(
  files: Pick<ServeRegistryOptions, 'tlsCert' | 'tlsKey'>,
  {
    tls,
    serving,
    note,
  }: {
    readonly tls: Certificate | undefined
    readonly serving: Pick<Serving, 'renew'>
    readonly note: (line: string) => void
  },
): () => void {
  let seen = tls
  const look = async (): Promise<void> => {
    const now = await tlsOf(files)
    if (now === undefined || (now.cert === seen?.cert && now.key === seen.key)) return
    seen = now
    serving.renew(now)
    note('the certificate has been renewed')
  }
  let told = ''
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      if (why !== told) note(`warning: the certificate is as it was: ${why}`)
      told = why
    })
  }, RENEWED_MS)
  timer.unref()
  return () => clearInterval(timer)
}

async function usersOf({
  credentials,
  passwordFile,
}: Pick<ServeRegistryOptions, 'credentials' | 'passwordFile'>): Promise<Users | undefined> {
  if (credentials !== undefined && passwordFile !== undefined) {
    throw new BallastError('USAGE', '--credentials and --password-file: only one of them says who may log in')
  }
  if (passwordFile !== undefined) return openPasswordFile(passwordFile)
  return credentials && oneUser(credentials)
}

async function tlsOf({
  tlsCert,
  tlsKey,
}: Pick<ServeRegistryOptions, 'tlsCert' | 'tlsKey'>): Promise<Certificate | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new BallastError('USAGE', 'a certificate and its key go together: --tls-cert FILE --tls-key FILE')
  }
  return { cert: await read(tlsCert), key: await read(tlsKey) }
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw explainSystemError(error)
  })
}

async function sizeOf(text: string | undefined): Promise<number | undefined> {
  if (text === undefined) return undefined
  const { readUnit } = await import('../advise/index.ts')
  return readUnit(text, 'bytes', '--max-upload').value
}
