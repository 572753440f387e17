import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { bindNeeds, needsOf } from './bind-needs.ts'

test('SELinux needs `z`, and a rootless Engine open directories', () => {
  assert.deepEqual(needsOf({ hasSelinux: false, isRootless: false }), { suffix: '', notes: [] })
  const both = needsOf({ hasSelinux: true, isRootless: true })
  assert.equal(both.suffix, ',z')
  assert.match(both.notes.join('\n'), /SELinux[\s\S]*rootless/)
})

test('what an Engine says of itself decides, and an Engine that is not there or says nothing is no failure', async (t) => {
  const directory = await temporaryDirectory(t)
  const dockerConfig = join(directory, 'config')
  const at = (name: string): string => `unix://${join(directory, name)}`
  assert.equal((await bindNeeds({ host: at('none'), dockerConfig })).suffix, '')

  const silent = createServer(() => undefined).listen(join(directory, 'silent'))
  t.after(() => silent.close())
  assert.equal((await bindNeeds({ host: at('silent'), dockerConfig })).suffix, '')
  silent.closeAllConnections()

  const answers: Readonly<Record<string, unknown>> = {
    '/version': { ApiVersion: '1.41', Version: '20.10' },
    '/v1.41/version': { ApiVersion: '1.41', Version: '20.10' },
    '/v1.41/info': { SecurityOptions: ['name=seccomp,profile=default', 'name=selinux'] },
  }
  const engine = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    response.end(answer === undefined ? 'OK' : JSON.stringify(answer))
  }).listen(join(directory, 'engine'))
  t.after(() => engine.close())
  assert.equal((await bindNeeds({ host: at('engine'), dockerConfig })).suffix, ',z')
  engine.closeAllConnections()
})
