import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { CaptureResult } from '../../src/workflows/capture.ts'
import type { ShownVersion } from '../../src/workflows/show.ts'
import { ask, run } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const isRoot = process.platform === 'linux' && process.geteuid?.() === 0
const skip = engineMissing() || (!isRoot && 'only root on Linux may mount')

test('root in a container does what it likes in its writable mount, and a container beside it serves the version on', {
  skip,
}, async (t) => {
  let target = ''
  // Registered first, so that nothing is mounted when the directory is removed.
  t.after(() => promisify(execFile)('umount', ['-l', target]).catch(() => undefined))
  const directory = await temporaryDirectory(t)
  target = join(directory, 'scratch')
  const store = join(directory, 'store')
  await writeFiles(join(directory, 'models'), { 'config.json': '{}', 'w/part-1.bin': 'one' })
  await ask(['add', 'm', join(directory, 'models')], { store })
  await ask(['mount', 'm', target, '--rw'], { store })
  const image = await busyboxImage(t)
  const [reader, writer] = [uniqueName('ballast-test'), uniqueName('ballast-test')]
  t.after(() => docker(['rm', '-f', reader, writer]))
  // Of the store's own files, by hard links: what reached them would show there.
  await ask(['mount', 'm', join(directory, 'linked'), '--link'], { store })
  const read =
    'while [ "$(cat /m/w/part-1.bin)" = one ] && [ "$(cat /m/config.json)" = "{}" ]; do :; done; exit 1'
  await docker([
    'run',
    '-d',
    '--name',
    reader,
    '-v',
    `${join(directory, 'linked')}:/m:ro`,
    image,
    'sh',
    '-c',
    read,
  ])
  const write =
    'cd /m; for f in config.json w/part-1.bin; do echo x > $f; chmod 777 $f; chown 5:5 $f; truncate -s 0 $f; done; ' +
    'rm -rf ./* .ballast; echo new > new.bin; sleep 600'
  await docker(['run', '-d', '--name', writer, '-v', `${target}:/m`, image, 'sh', '-c', write])
  const operand = `container:${writer}:/m`
  const isWritten = (): boolean => existsSync(join(target, 'new.bin'))
  for (const deadline = Date.now() + 60_000; !isWritten() && Date.now() < deadline; ) await sleep(100)
  const captured = await ask<CaptureResult>(['capture', operand, 'm'], { store })
  assert.deepEqual([captured.ref, captured.files], ['m:2', 1])
  const { lineage } = await ask<ShownVersion>(['show', 'm:2'], { store })
  assert.equal(lineage[0]?.parent?.number, 1)
  await ask(['verify'], { store })
  assert.equal(await docker(['inspect', '-f', '{{.State.Running}}', reader]), 'true')
  const used = await run(['unmount', target], { store })
  assert.equal(used.code, 5, used.stderr)
  assert.match(used.stderr, /stop the container first/)
  await docker(['rm', '-f', writer])
  await ask(['unmount', target, '--discard'], { store })
  assert.equal(await docker(['inspect', '-f', '{{.State.Running}}', reader]), 'true')
})
