import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  type FileServer,
  type FileServerOptions,
  startFileServer,
} from '../../../test/doubles/file-server.ts'
import { testSource } from '../../../test/suites/source.ts'
import {
  type BallastError,
  digestOf,
  type ErrorCode,
  hexOf,
  isBallastError,
  readAll,
} from '../../core/index.ts'
import type { RemoteFile } from '../source.ts'
import { openHttpSource } from './http.ts'

for (const [kind, options] of [
  ['HTTP', {}],
  ['HTTP without ranges', { ranges: false }],
] as const) {
  testSource({
    kind,
    mostFiles: 1,
    async open(t, contents) {
      const [[path, bytes]] = Object.entries(contents) as [[string, Buffer]]
      const server = await startFileServer(t, { [`/models/${path}`]: bytes }, options)
      return {
        source: openHttpSource({ address: `${server.origin}/models/${path}` }),
        replace: async (name, data) => void server.files.set(`/models/${name}`, { bytes: data }),
      }
    },
    async openMissing(t) {
      const { origin } = await startFileServer(t, {})
      return openHttpSource({ address: `${origin}/models/model.safetensors` })
    },
  })
}

const DATA = Buffer.from('the weights of a model')
const SHA256 = hexOf(digestOf(DATA))

async function serve(t: TestContext, options: FileServerOptions = {}): Promise<FileServer> {
  return startFileServer(t, { '/w.bin': DATA }, options)
}

async function only(address: string): Promise<RemoteFile> {
  const { files } = await openHttpSource({ address, retryDelays: [1] }).list()
  assert.equal(files.length, 1)
  return files[0] as RemoteFile
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<BallastError> {
  const error = await work.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  )
  if (!isBallastError(error, code)) throw error
  assert.ok(error.hint, error.message)
  return error
}

test('a checksum stands in the address, beside the file, or in a header', async (t) => {
  const server = await serve(t)
  assert.deepEqual((await only(`${server.origin}/w.bin#sha256=${SHA256.toUpperCase()}`)).checksums, [
    { algorithm: 'sha256', value: SHA256 },
  ])
  assert.deepEqual((await only(`${server.origin}/w.bin`)).checksums, [])
  for (const text of [SHA256, `${SHA256}  w.bin\n`, `${'0'.repeat(64)} *v.bin\n${SHA256} *./w.bin\n`]) {
    server.files.set('/w.bin.sha256', { bytes: Buffer.from(text) })
    assert.deepEqual((await only(`${server.origin}/w.bin`)).checksums, [
      { algorithm: 'sha256', value: SHA256 },
    ])
  }
  const md5 = createHash('md5').update(DATA).digest()
  server.files.set('/w.bin', {
    bytes: DATA,
    headers: {
      'repr-digest': `sha-512=:AAAA:, sha-256=:${Buffer.from(SHA256, 'hex').toString('base64')}:`,
      'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:`,
      'x-goog-hash': `md5=${md5.toString('base64')}`,
    },
  })
  assert.deepEqual((await only(`${server.origin}/w.bin`)).checksums, [
    { algorithm: 'sha256', value: SHA256 },
    { algorithm: 'md5', value: md5.toString('hex') },
  ])
})

test('a page that is sent for everything is no checksum', async (t) => {
  const server = await serve(t)
  server.files.set('/w.bin.sha256', { bytes: Buffer.from('<!doctype html><title>not found</title>') })
  assert.deepEqual((await only(`${server.origin}/w.bin`)).checksums, [])
})

test('the name is the last part of the address, or what the server says', async (t) => {
  const server = await serve(t)
  const named = async (disposition: string): Promise<string> => {
    server.files.set('/w.bin', { bytes: DATA, headers: { 'content-disposition': disposition } })
    return (await only(`${server.origin}/w.bin`)).path
  }
  assert.equal((await only(`${server.origin}/w.bin?download=true`)).path, 'w.bin')
  assert.equal(await named('attachment'), 'w.bin')
  assert.equal(await named('attachment; filename="a \\"b\\".bin"'), 'a "b".bin')
  assert.equal(await named("inline; filename=x; filename*=UTF-8''mod%C3%A8le.bin"), 'modèle.bin')
  assert.equal(await named('attachment; filename="../../etc/model.bin"'), 'model.bin')
  await assert.rejects(named('attachment; filename=".."'), { code: 'REFUSED', message: /unsafe file name/ })
})

test('what has no name is refused', async (t) => {
  const server = await startFileServer(t, { '/': DATA })
  await refused(only(`${server.origin}/`), 'REFUSED')
})

test('credentials of the address go to its host alone, and are told to nobody', async (t) => {
  const seen: (string | undefined)[] = []
  const storage = await startFileServer(
    t,
    { '/blob': DATA },
    {
      instead: ({ headers }) => {
        seen.push(headers.authorization)
        return false
      },
    },
  )
  const first = await startFileServer(
    t,
    {},
    {
      instead: ({ headers }, response) => {
        const isAnn = headers.authorization === `Basic ${Buffer.from('ann:s3cret').toString('base64')}`
        response.writeHead(isAnn ? 302 : 401, isAnn ? { location: `${storage.origin}/blob` } : {}).end()
        return true
      },
    },
  )
  const address = `${first.origin.replace('//', '//ann:s3cret@')}/w.bin`
  const source = openHttpSource({ address })
  const { files } = await source.list()
  assert.ok((await readAll((files[0] as RemoteFile).content.open(), 100)).equals(DATA))
  assert.ok(seen.length > 1)
  assert.ok(seen.every((header) => header === undefined))
  for (const text of [source.address, files[0]?.identity]) assert.doesNotMatch(`${text}`, /s3cret/)
  const error = await refused(only(`${first.origin}/w.bin`), 'UNAUTHORIZED')
  assert.match(error.hint ?? '', /without credentials/)
})

test('where a redirect led is asked directly, and found anew once its address is over', async (t) => {
  let current = '/signed-1'
  const server = await startFileServer(
    t,
    { '/signed-1': DATA, '/signed-2': DATA },
    {
      instead: ({ url }, response) => {
        if (url === '/w.bin') response.writeHead(302, { location: current }).end()
        else if (url !== current && url?.startsWith('/signed')) response.writeHead(403).end()
        else return false
        return true
      },
    },
  )
  const { content } = await only(`${server.origin}/w.bin`)
  const read = () => readAll(content.open({ offset: 4, length: 7 }), 100)
  assert.equal(`${await read()}`, 'weights')
  const before = server.requests.length
  await read()
  assert.equal(server.requests.length, before + 1)
  current = '/signed-2'
  assert.equal(`${await read()}`, 'weights')
  assert.equal(`${await read()}`, 'weights')
})

test('where nothing tells one content from the next, none is taken for another', async (t) => {
  const server = await serve(t, { etags: false })
  const [first, second] = [await only(`${server.origin}/w.bin`), await only(`${server.origin}/w.bin`)]
  assert.notEqual(first.identity, second.identity)
  const given = async () => (await only(`${server.origin}/w.bin#sha256=${SHA256}`)).identity
  assert.equal(await given(), await given())
})

test('signatures are no part of what an address is', async (t) => {
  const server = await serve(t)
  const of = async (query: string) => (await only(`${server.origin}/w.bin?${query}`)).identity
  assert.equal(
    await of('id=1&X-Amz-Signature=abc&X-Amz-Date=1'),
    await of('id=1&X-Amz-Signature=def&X-Amz-Date=2'),
  )
  assert.notEqual(await of('id=1'), await of('id=2'))
})

for (const [what, headers, code] of [
  ['compressed', { 'content-encoding': 'gzip', 'content-length': '22' }, 'REFUSED'],
  ['of unknown length', { 'transfer-encoding': 'chunked' }, 'REFUSED'],
] as const) {
  test(`a file that is sent ${what} is refused`, async (t) => {
    const { origin } = await serve(t, {
      instead: (_, response) => {
        response.writeHead(200, headers).end(DATA)
        return true
      },
    })
    await refused(only(`${origin}/w.bin`), code)
  })
}

for (const address of [
  'https://',
  'ftp://a.example/x',
  'https://a.example/x#md5=1',
  'https://a.example/x#sha256=12',
]) {
  test(`${address} is no address of a file`, () => {
    assert.throws(
      () => openHttpSource({ address }),
      (error) => isBallastError(error, 'USAGE') && error.hint !== undefined,
    )
  })
}

test('a server that fails at first is asked again', async (t) => {
  let requests = 0
  const { origin } = await serve(t, {
    instead: (_, response) => {
      if (++requests > 1) return false
      response.writeHead(503).end()
      return true
    },
  })
  assert.equal((await only(`${origin}/w.bin`)).size, DATA.length)
})
