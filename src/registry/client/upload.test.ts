import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesContent, digestOf } from '../../core/index.ts'
import type { OutgoingRequest } from '../../http/index.ts'
import type { Connection } from './connection.ts'
import { putBlob } from './upload.ts'

const DATA = Buffer.from('weights')

test('a registry behind a proxy that ends TLS: the upload goes on by https', async () => {
  const sent = await upload('https://registry.test/', 'http://registry.test/v2/app/blobs/uploads/1?state=a')
  assert.equal(sent[1], `PUT https://registry.test/v2/app/blobs/uploads/1?state=a&${query()}`)
})

test('an upload that would go on without TLS elsewhere is refused, and nothing is sent there', async () => {
  for (const location of ['http://other.test/upload', 'http://registry.test:5000/v2/app/blobs/uploads/1']) {
    const sent: string[] = []
    const failing = upload('https://registry.test/', location, sent)
    await assert.rejects(failing, { code: 'REMOTE', message: /does not/ })
    assert.deepEqual(sent, ['POST https://registry.test/v2/app/blobs/uploads/'])
  }
})

test('an upload goes on at another host by https, and without TLS where there was none', async () => {
  for (const [base, location] of [
    ['https://registry.test/', 'https://other.test/upload'],
    ['http://localhost:5000/', 'http://localhost:5001/upload'],
  ] as const) {
    assert.equal((await upload(base, location))[1], `PUT ${location}?${query()}`)
  }
})

/** Uploads to a registry that answers with this location; what was sent, as method and URL. */
async function upload(base: string, location: string, sent: string[] = []): Promise<readonly string[]> {
  const send = async ({ method, url }: OutgoingRequest) => {
    sent.push(`${method} ${url.href}`)
    return {
      status: method === 'POST' ? 202 : 201,
      headers: {},
      header: (name: string) => (name === 'location' ? location : undefined),
      url,
      body: bytesContent(Buffer.alloc(0)).open(),
      peer: 'registry',
      discard: async () => undefined,
    }
  }
  const connection: Connection = { host: new URL(base).host, base: new URL(base), send, retryDelays: [] }
  const blob = { digest: digestOf(DATA), size: DATA.length }
  await putBlob(connection, { name: 'app', blob, content: bytesContent(DATA) })
  return sent
}

function query(): string {
  return `digest=${encodeURIComponent(digestOf(DATA))}`
}
