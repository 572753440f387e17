import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile } from 'node:fs/promises'
import { request } from 'node:http'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { runLoad } from '../../bench/load.ts'
import {
  createTarget,
  digestOf,
  type TestTarget,
  temporaryDirectory,
  until,
} from '../../test/fixtures/lexicon-target.ts'
import { splitTarget } from '../../test/fixtures/split-target.ts'
import { type ExportVersion, exportModel } from './export-model.ts'
import { VOCABULARY } from './model.ts'
import { startServer } from './server.ts'

const deliver = (target: TestTarget, version: ExportVersion): Promise<string> =>
  target.swap('sentiment', version, (directory) => exportModel(directory, version))

const serve = async (t: TestContext, modelPath: string) => {
  const log: string[] = []
  const server = await startServer({ port: 0, modelPath, pollMs: 20, log: (line) => void log.push(line) })
  t.after(() => server.close())
  return { ...server, log, url: `http://localhost:${server.port}` }
}

const json = async (url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(url, init)
  return { status: response.status, body: await response.json() }
}

const post = (url: string, body: string) => json(`${url}/predict`, { method: 'POST', body })

describe('the sentiment service', () => {
  it('answers with the prediction and the version it came from', async (t) => {
    const target = await createTarget(t)
    await deliver(target, 1)
    const { url, ready } = await serve(t, join(target.path, 'sentiment'))
    await ready
    const stamps = { weights: '37052aea8700743a', vocabulary: '37052aea8700743a' }
    const model = { model: 'sentiment', digest: digestOf(1), number: 1, reference: 'sentiment:prod' }
    const tokens = [{ token: 'lovely', score: 3 }]
    const expected = { label: 'positive', score: 3, tokens, model, stamps }
    assert.deepEqual(await post(url, '{"text":"Lovely!"}'), { status: 200, body: expected })
    assert.deepEqual(await json(`${url}/predict?text=Lovely!`), { status: 200, body: expected })
    const health = await json(`${url}/health`)
    assert.deepEqual(health, {
      status: 200,
      body: {
        ready: true,
        model,
        stamps,
        source: 'AFINN-111, Finn Årup Nielsen, as npm package afinn-111 has it',
      },
    })
    assert.equal((await (await fetch(url)).text()).split('\n').length, 3)
  })

  it('answers bad requests with what is wrong', async (t) => {
    const directory = await temporaryDirectory(t)
    await exportModel(directory, 2)
    const { url, ready } = await serve(t, directory)
    await ready
    for (const body of ['', 'text', 'null', '[]', '{}', '{"text":1}', '"text"']) {
      const { status, body: answer } = await post(url, body)
      assert.equal(status, 400, body)
      assert.match((answer as { error: string }).error, /JSON|"text"/)
    }
    assert.equal((await json(`${url}/predict`)).status, 400)
    assert.equal((await post(url, JSON.stringify({ text: 'x'.repeat(70_000) }))).status, 413)
    assert.equal((await json(`${url}/elsewhere`)).status, 404)
    const wrong = await fetch(`${url}/health`, { method: 'POST' })
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET'])
    assert.equal((await json(`${url}/predict?text=good`)).status, 200)
  })

  it('says that it is not ready while there is no model', async (t) => {
    const { url, ready } = await serve(t, join(await temporaryDirectory(t), 'models'))
    await assert.rejects(ready, /there is nothing at .*models/)
    assert.deepEqual(await json(`${url}/health`), { status: 503, body: { ready: false } })
    assert.equal((await post(url, '{"text":"good"}')).status, 503)
  })

  it('swaps versions under load without a failed or mixed answer', async (t) => {
    const target = await createTarget(t)
    await deliver(target, 1)
    const { url, ready } = await serve(t, join(target.path, 'sentiment'))
    await ready
    const ending = new AbortController()
    const load = runLoad({ url: `${url}/predict?text=futile`, rate: 300, signal: ending.signal })
    for (let swap = 1; swap <= 12; swap++) {
      await pause(100)
      await deliver(target, ((swap % 3) + 1) as ExportVersion)
    }
    await pause(200)
    ending.abort()
    const summary = await load
    assert.deepEqual([summary.failed, summary.problems], [0, {}])
    assert.equal(summary.ok, summary.sent)
    assert.equal(Object.keys(summary.versions).length, 3, JSON.stringify(summary.versions))
  })

  it('gives each key its variant, each tenant its own, and everybody else the usual one', async (t) => {
    const target = await createTarget(t)
    const ids = [await deliver(target, 2), await deliver(target, 3), await deliver(target, 1)].map((path) =>
      basename(path),
    )
    const entry = (name: string, number: number, weight: number, id = '') => ({ name, number, weight, id })
    await splitTarget(target.path, {
      number: 1,
      variants: [
        entry('stable', 1, 90, ids[2]),
        entry('canary', 2, 10, ids[0]),
        entry('tenant-acme', 3, 0, ids[1]),
      ],
      tenants: { acme: 'tenant-acme' },
    })
    const { url, ready } = await serve(t, target.path)
    await ready
    const answer = async (query: string) => {
      const { body } = await json(`${url}/predict?text=futile${query}`)
      const { model, variant, score } = body as { model: { number: number }; variant?: string; score: number }
      return [model.number, variant, score]
    }
    assert.deepEqual(await answer(''), [1, undefined, 2])
    assert.deepEqual(await answer('&key=user-1'), [1, 'stable', 2])
    assert.deepEqual(await answer('&key=user-19'), [2, 'canary', -2])
    assert.deepEqual(await answer('&key=user-19&tenant=acme'), [3, 'tenant-acme', -0.4])
    const { body } = await json(`${url}/health`)
    const { variants, model } = body as {
      variants: { name: string; number: number }[]
      model: { number: number }
    }
    assert.deepEqual(
      [model.number, variants.map(({ name, number }) => [name, number])],
      [
        1,
        [
          ['stable', 1],
          ['canary', 2],
          ['tenant-acme', 3],
        ],
      ],
    )
  })

  it('keeps serving the former version when the new one is mixed, and says so', async (t) => {
    const target = await createTarget(t)
    const first = await deliver(target, 1)
    const { url, ready, log } = await serve(t, target.path)
    await ready
    await target.swap('sentiment', 2, async (directory) => {
      await exportModel(directory, 2)
      await copyFile(join(first, VOCABULARY), join(directory, VOCABULARY))
    })
    await until(() => log.length > 1, 'the refusal')
    assert.match(log[1] ?? '', /still using sentiment version 1 .*different versions/)
    const { status, body } = await json(`${url}/health`)
    assert.equal(status, 200)
    assert.match((body as { problem: string }).problem, /different versions/)
    await deliver(target, 3)
    await until(() => log.length > 2, 'version 3')
    assert.equal('problem' in ((await json(`${url}/health`)).body as object), false)
  })

  it('answers a request that is under way when it is told to end, then exits with 0', async (t) => {
    const directory = await temporaryDirectory(t)
    await exportModel(directory, 1)
    const child = spawn(process.execPath, [new URL('./server.ts', import.meta.url).pathname], {
      env: { ...process.env, PORT: '0', MODEL_PATH: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    t.after(() => child.kill('SIGKILL'))
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    await until(() => /using /.test(output) && /port \d+/.test(output), `the start: ${output}`)
    const port = Number(/port (\d+)/.exec(output)?.[1])
    const asking = request({ port, path: '/predict', method: 'POST', agent: false })
    const answered = once(asking, 'response')
    asking.write('{"text":')
    await pause(100)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await pause(100)
    asking.end('"good"}')
    const [response] = await answered
    assert.equal(response.statusCode, 200)
    response.resume()
    assert.deepEqual(await exited, [0, null])
  })

  it('exits with the reason when there is no model', async (t) => {
    const directory = await temporaryDirectory(t)
    const child = spawn(process.execPath, [new URL('./server.ts', import.meta.url).pathname], {
      env: { ...process.env, PORT: '0', MODEL_PATH: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    assert.deepEqual(await once(child, 'close'), [1, null])
    assert.match(output, /nothing is mounted at .* \(an empty directory\)/)
    assert.doesNotMatch(output, /at .*\.ts:/)
  })
})
