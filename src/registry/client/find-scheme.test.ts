import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type TestContext, test } from 'node:test'
import { makeCertificate } from '../../../test/fixtures/certificate.ts'
import { listenOnLoopback } from '../../../test/fixtures/on-loopback.ts'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { speaksPlainHttp } from './find-scheme.ts'

/** By an address that does not count as this machine itself. */
async function listen(t: TestContext, server: Server): Promise<string> {
  return `[::ffff:127.0.0.1]:${await listenOnLoopback(t, server)}`
}

test('an insecure registry is spoken to as it answers, and with TLS where it does not', async (t) => {
  const network = { tls: { ca: [], unverified: true } }
  const plain = await listen(
    t,
    createServer((_, response) => response.writeHead(401).end()),
  )
  assert.equal(await speaksPlainHttp(plain, { network }), true)
  const { key, certificate } = await makeCertificate(await temporaryDirectory(t), '127.0.0.1')
  const tls = await listen(
    t,
    createTlsServer({ key, cert: `${certificate}` }, (_, response) => response.end()),
  )
  assert.equal(await speaksPlainHttp(tls, { network }), false)
  assert.equal(await speaksPlainHttp('[::ffff:127.0.0.1]:1', { network }), false)
})
