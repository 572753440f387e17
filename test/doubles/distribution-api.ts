import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { request } from 'undici'
import { digestOf } from '../../src/core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../../src/model/index.ts'
import {
  createStoreStorage,
  type RegistryStorage,
  type StartOptions,
  startRegistry,
} from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { createMemoryStorage } from './memory-storage.ts'

type Headers = Readonly<Record<string, string>>

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
  /** The first OCI error code of the body. */
  readonly code: string | undefined
}

/** Sends one request to a registry that ends with the test. */
export type Ask = (
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  options?: { readonly headers?: Headers; readonly body?: Uint8Array | string | Readable },
) => Promise<Answered>

export const DATA = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 251))
export const DIGEST = digestOf(DATA)
export const MISSING = digestOf('missing')
export const UPLOADS = '/v2/team/app/blobs/uploads/'
export const BLOB = `/v2/team/app/blobs/${DIGEST}`

/** Runs the body once over each kind of storage. */
export function registryTests(
  title: string,
  define: (registryTest: (title: string, body: (ask: Ask) => Promise<void>) => void) => void,
): void {
  for (const [name, storage] of Object.entries(STORAGES)) {
    describe(`${title} over ${name}`, () => {
      define((title, body) =>
        void test(title, async (context) => body(await startAsked(context, await storage(context)))))
    })
  }
}

const STORAGES: Readonly<Record<string, (context: TestContext) => Promise<RegistryStorage>>> = {
  memory: async () => createMemoryStorage(),
  async store(context) {
    const directory = await mkdtemp(join(tmpdir(), 'ballast-registry-'))
    context.after(() => rm(directory, { recursive: true, force: true }))
    return createStoreStorage(await openStore(directory))
  },
}

/** A registry over the storage, and the way to ask it. */
export async function startAsked(
  context: TestContext,
  storage: RegistryStorage,
  { log = (line) => console.error(line), ...options }: Omit<StartOptions, 'storage'> = {},
): Promise<Ask> {
  const registry = await startRegistry({ ...options, storage, log })
  context.after(registry.close)
  return async (method, path, { headers = {}, body } = {}) => {
    const answer = await request(`${registry.url}${path}`, { method, headers, body: body ?? null })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, headers: answer.headers, bytes, code: codeOf(bytes) }
  }
}

/** Pushes an image of two small blobs to `team/app`. */
export async function pushImage(
  ask: Ask,
  tag: string | undefined,
  extra: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly digest: string; readonly bytes: Buffer; readonly subject: unknown }> {
  const config = Buffer.from('{}')
  for (const blob of [config, DATA]) await ask('POST', `${UPLOADS}?digest=${digestOf(blob)}`, { body: blob })
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: OCI_LAYER, digest: DIGEST, size: DATA.length }],
      ...extra,
    }),
  )
  const digest = digestOf(bytes)
  const path = `/v2/team/app/manifests/${tag ?? digest}`
  const stored = await ask('PUT', path, { headers: { 'content-type': OCI_MANIFEST }, body: bytes })
  assert.equal(stored.status, 201, stored.bytes.toString())
  assert.equal(stored.headers['docker-content-digest'], digest)
  return { digest, bytes, subject: stored.headers['oci-subject'] }
}

export function chunk(
  body: Uint8Array,
  offset: number,
): { readonly headers: Headers; readonly body: Uint8Array } {
  return { headers: { 'content-range': `${offset}-${offset + body.length - 1}` }, body }
}

export function locationOf({ headers }: Answered): string {
  assert.equal(typeof headers.location, 'string')
  return headers.location as string
}

function codeOf(bytes: Buffer): string | undefined {
  try {
    return JSON.parse(bytes.toString()).errors?.[0]?.code
  } catch {
    return undefined
  }
}
