import { readFile } from 'node:fs/promises'
import { BallastError, explainSystemError } from '../core/index.ts'
import { type Credentials, oneUser, openPasswordFile, type Users } from '../registry/index.ts'
import { serveRegistry as startServing } from '../serve/index.ts'
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
  return serving.close
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
}: Pick<ServeRegistryOptions, 'tlsCert' | 'tlsKey'>): Promise<{ cert: string; key: string } | undefined> {
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
