import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { askFlags, confirm } from './ask.ts'

/** Types each line once the question before it has been put. */
async function answering(lines: readonly string[], size = true): Promise<{ flags: unknown; said: string }> {
  const input = new PassThrough()
  const output = new PassThrough()
  let said = ''
  let next = 0
  output.on('data', (chunk: Buffer) => {
    said += chunk
    if (!/\? (?:\[.*\] )?$/.test(said)) return
    if (next < lines.length) input.write(`${lines[next++]}\n`)
    else input.end()
  })
  const flags = await askFlags({ size, signal: new AbortController().signal, input, output })
  return { flags, said }
}

test('answers become flags; those that are empty are left to what is assumed', async () => {
  const { flags } = await answering(['2.1GB', 'daily', '', '5', 'swarm', '', 'separate'])
  assert.deepEqual(flags, {
    size: '2.1GB',
    updates: 'daily',
    nodes: '5',
    platform: 'swarm',
    team: 'separate',
  })
})

test('what cannot be read is asked again, with how it is written', async () => {
  const { flags, said } = await answering(['', 'big', '700MiB', '', '', '0', '3', 'mesos', 'docker', '', ''])
  assert.deepEqual(flags, { size: '700MiB', nodes: '3', platform: 'docker' })
  assert.match(said, /140GB or 700MiB/)
  assert.match(said, /one of docker, podman/)
})

test('an input that ends is an interruption, not an answer', async () => {
  await assert.rejects(answering(['weekly'], false), { code: 'INTERRUPTED' })
})

test('only a yes is a yes', async () => {
  for (const [said, expected] of [
    ['y', true],
    ['Yes', true],
    ['', false],
    ['no', false],
    ['yesterday', false],
  ] as const) {
    const input = new PassThrough()
    const answer = confirm('Allow it', {
      signal: new AbortController().signal,
      input,
      output: new PassThrough(),
    })
    input.write(`${said}\n`)
    assert.equal(await answer, expected, said)
  }
})
