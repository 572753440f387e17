import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docker, engineMissing } from '../fixtures/engine.ts'
import { served, switchScene } from '../fixtures/switch.ts'

const skip = engineMissing()

test('what a container is linked to it is linked to afterwards; one that others are linked to is refused', {
  skip,
}, async (t) => {
  const { base, image, declare, start, switchTo, trySwitch, directory } = await switchScene(t)
  await declare({ image })
  const database = await start([], base, ['sleep', '1000'])
  const container = await start([
    '--link',
    `${database}:database`,
    '-v',
    `${directory}/models:/app/models:ro`,
  ])
  const hosts = async (): Promise<readonly string[]> => {
    const text = await docker(['exec', container, 'cat', '/etc/hosts'])
    return text.split('\n').filter((line) => /\bdatabase\b/.test(line))
  }
  const before = await hosts()
  assert.equal(before.length, 1)
  for (const to of ['embed', 'mount'] as const) {
    await switchTo(to)
    assert.equal(await served(container), 'one')
    assert.deepEqual(await hosts(), before)
  }
  const guest = await start(['--link', `${container}:api`], base, ['sleep', '1000'])
  const refused = await trySwitch('embed')
  assert.equal(refused.code, 4, refused.stderr)
  assert.match(
    refused.stderr,
    new RegExp(`the container ${guest} uses the address of ${container}, and would lose it`),
  )
})
