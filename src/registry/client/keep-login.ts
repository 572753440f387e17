import { mkdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isPresent, readIfPresent, writeFileDurably } from '../../core/index.ts'
import { type Json, objectOf, parseJson } from '../../model/index.ts'
import type { Credentials } from '../protocol/index.ts'
import { readAuthFile } from './auth-file.ts'
import { eraseFromHelper, giveHelper } from './credential-helper.ts'
import { HELPER_TIMEOUT_MS, keyOf, type LoginPlaces, ownHelper, placeOfKey } from './credentials.ts'
import { normalisePlace } from './endpoint.ts'

export interface KeptLogin {
  readonly path: string
  /** The credential helper that has the password; undefined where it stands in the file. */
  readonly helper: string | undefined
}

/**
 * Keeps a login where Docker and Podman look for it: with the credential helper that the file names, else in the file
 * itself, which nobody else can read then. The file is Docker's, unless there is only one of Podman's. Throws what reading it throws,
 * UNAUTHORIZED for a helper that fails, DISK.
 */
export async function keepLogin(places: LoginPlaces, host: string, login: Credentials): Promise<KeptLogin> {
  const path = await placeFor(places)
  const file = await readAuthFile(path)
  const place = normalisePlace({ host, name: '' }).host
  const helper = (file && ownHelper(file, place)) ?? file?.defaultHelper
  const server = keyOf(place)
  const config = objectOf(parseJson((await readIfPresent(path)) ?? Buffer.alloc(0)))
  const auths = objectOf(config.auths)
  if (helper) {
    await giveHelper({ name: helper, server, path, timeoutMs: timeoutOf(places) }, login)
    // As docker login leaves it: who has a login at all is seen without asking the helper.
    await write(path, { ...config, auths: { ...auths, [server]: {} } })
    return { path, helper }
  }
  const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64')
  await write(path, { ...config, auths: { ...auths, [server]: { auth } } })
  return { path, helper: undefined }
}

/** Forgets the login of a registry wherever it is kept, and says where it was. Throws what reading the files throws. */
export async function dropLogin(places: LoginPlaces, host: string): Promise<readonly KeptLogin[]> {
  const dropped: KeptLogin[] = []
  const place = normalisePlace({ host, name: '' }).host
  for (const path of pathsOf(places)) {
    const file = await readAuthFile(path)
    if (file === undefined) continue
    const helper = ownHelper(file, place) ?? file.defaultHelper
    const request = helper && { name: helper, server: keyOf(place), path, timeoutMs: timeoutOf(places) }
    if (request && (await eraseFromHelper(request))) dropped.push({ path, helper })
    const keys = file.keys.filter((key) => placeOfKey(key) === place)
    if (keys.length === 0) continue
    if (keys.some((key) => file.loginAt(key) !== undefined)) dropped.push({ path, helper: undefined })
    const config = objectOf(parseJson((await readIfPresent(path)) ?? Buffer.alloc(0)))
    const others = Object.entries(objectOf(config.auths)).filter(([key]) => !keys.includes(key))
    await write(path, { ...config, auths: Object.fromEntries(others) })
  }
  return dropped
}

function pathsOf({ dockerConfig, authFiles = [] }: LoginPlaces): readonly string[] {
  return [join(dockerConfig, 'config.json'), ...authFiles]
}

async function placeFor(places: LoginPlaces): Promise<string> {
  const paths = pathsOf(places)
  for (const path of paths) if (await isPresent(path)) return path
  return paths[0] as string
}

function timeoutOf({ helperTimeoutMs = HELPER_TIMEOUT_MS }: LoginPlaces): number {
  return helperTimeoutMs
}

/** Through a link, and with every field that others have put there. */
async function write(path: string, config: Json): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const target = await realpath(path).catch(() => path)
  await writeFileDurably(target, `${JSON.stringify(config, undefined, '\t')}\n`, { mode: 0o600 })
}
