import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { checkPrediction, runLoad } from './load.ts'

const serve = async (t: TestContext, listener: RequestListener): Promise<string> => {
  const server = createServer(listener).listen(0)
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}/`
}

const answer = (weights: string, vocabulary = weights): string =>
  JSON.stringify({ model: { number: 1, digest: 'd' }, stamps: { weights, vocabulary } })

describe('runLoad', () => {
  it('keeps its rate against a server that stalls, and charges the stall to every request that was due', async (t) => {
    let release: (() => void)[] | undefined = []
    const url = await serve(t, (_, response) => {
      const end = (): void => void response.end(answer('a'))
      if (release) release.push(end)
      else end()
    })
    setTimeout(() => {
      for (const end of release ?? []) end()
      release = undefined
    }, 500)
    const summary = await runLoad({ url, rate: 100, seconds: 0.6 })
    assert.deepEqual([summary.sent, summary.ok, summary.failed], [60, 60, 0])
    assert.ok(summary.latencyMs.max > 450, `${summary.latencyMs.max}`)
    assert.ok(summary.latencyMs.p50 > 150, `${summary.latencyMs.p50}`)
    assert.deepEqual(summary.versions, { '1 d': 60 })
  })

  it('counts refusals, mixed versions and broken connections as failures', async (t) => {
    let count = 0
    const url = await serve(t, (request, response) => {
      count++
      if (count % 4 === 0) response.writeHead(503).end('{}')
      else if (count % 4 === 1) response.end(answer('a', 'b'))
      else if (count % 4 === 2) request.socket.destroy()
      else response.end(answer('a'))
    })
    const { ok, failed, problems } = await runLoad({ url, rate: 200, seconds: 0.2 })
    assert.equal(ok + failed, 40)
    assert.deepEqual(problems, { 'status 503': 10, 'mixed versions': 10, ECONNRESET: 10 })
  })

  it('ends by a signal, and does not wait for ever for an answer', async (t) => {
    const url = await serve(t, () => {})
    const summary = await runLoad({ url, rate: 50, signal: AbortSignal.timeout(200), timeoutMs: 100 })
    assert.ok(summary.sent > 5 && summary.sent < 20, `${summary.sent} sent`)
    assert.equal(summary.failed, summary.sent)
  })
})

describe('checkPrediction', () => {
  it('counts a plain directory by its stamp', () => {
    const body = JSON.stringify({ model: null, stamps: { weights: 'a', vocabulary: 'a' } })
    assert.deepEqual(checkPrediction(200, body), { version: 'a' })
  })
})
