import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { BlobServiceClient, ContainerSASPermissions } from '@azure/storage-blob'
import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { BallastError } from '../core/index.ts'
import { openBucket } from './open.ts'

const server = await startAzurite()
const skip = isMissing(server) ? server.missing : false
if (!isMissing(server)) after(() => server.close())
const connection = isMissing(server) ? '' : `${server.env.AZURE_STORAGE_CONNECTION_STRING}`
const HOUR_MS = 3_600_000

interface Case {
  readonly what: string
  readonly connectionString: () => Promise<string> | string
  readonly says: RegExp
}

const CASES: readonly Case[] = [
  {
    what: 'a wrong key',
    connectionString: () =>
      connection.replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.alloc(64).toString('base64')}`),
    says: /az:\/\/models refuses: Auth\w+.*AZURE_STORAGE_KEY/s,
  },
  {
    what: 'another account',
    connectionString: () => connection.replace(/AccountName=[^;]+/, 'AccountName=other'),
    says: /az:\/\/models refuses: Auth\w+/,
  },
  {
    what: 'a forged SAS',
    connectionString: async () => (await withSas(1)).replace(/sig=[^&]+/, 'sig=AAAA'),
    says: /az:\/\/models refuses: Auth\w+.*AZURE_STORAGE_SAS_TOKEN/s,
  },
  {
    what: 'an expired SAS',
    connectionString: () => withSas(-1),
    says: /the credentials for az:\/\/models have expired.*get new ones/s,
  },
]

for (const { what, connectionString, says } of CASES) {
  test(`${what} is refused and told, with where others are looked for`, { skip }, async () => {
    const access = { azure: { connectionString: await connectionString() } }
    const bucket = await openBucket({ scheme: 'az', bucket: BUCKET }, access)
    const calls = {
      list: () => bucket.list('')[Symbol.asyncIterator]().next(),
      head: () => bucket.head('key'),
      put: () => bucket.put('key', Buffer.from('x')),
    }
    for (const [name, call] of Object.entries(calls)) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof BallastError && error.code === 'UNAUTHORIZED', `${name}: ${error}`)
        assert.match(`${error.message}\n${error.hint}`, says, name)
        return true
      })
    }
  })
}

/** A SAS to list and read, which ends so many hours from now. */
async function withSas(hours: number): Promise<string> {
  const container = BlobServiceClient.fromConnectionString(connection).getContainerClient(BUCKET)
  const url = await container.generateSasUrl({
    startsOn: new Date(Date.now() - 2 * HOUR_MS),
    expiresOn: new Date(Date.now() + hours * HOUR_MS),
    permissions: ContainerSASPermissions.parse('rl'),
  })
  const { search } = new URL(url)
  const [endpoint] = /BlobEndpoint=[^;]+/.exec(connection) ?? []
  return `${endpoint};SharedAccessSignature=${search.slice(1)}`
}
