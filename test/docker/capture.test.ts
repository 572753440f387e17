import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AddResult } from '../../src/workflows/add.ts'
import type { CaptureResult } from '../../src/workflows/capture.ts'
import type { ShownVersion } from '../../src/workflows/show.ts'
import { ask, run } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const MODEL = { 'config.json': '{"a":1}', 'weights/part-1.bin': 'one', 'weights/part-2.bin': 'two' }

interface Place {
  readonly store: string
  readonly digest: string
  readonly directory: string
}

/** A store, and the digest that the model's files have when they are added. */
async function place(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory(t)
  await writeFiles(join(directory, 'models'), MODEL)
  const other = join(directory, 'other-store')
  const { digest } = await ask<AddResult>(['add', 'sentiment', join(directory, 'models')], { store: other })
  return { store: join(directory, 'store'), digest, directory }
}

/** An image whose Dockerfile copies the model, as people write it. */
async function imageWithModel(t: TestContext, { directory }: Place): Promise<string> {
  const base = await busyboxImage(t)
  const name = `${uniqueName('ballast-test-app')}:latest`
  const dockerfile = `FROM ${base}\nWORKDIR /app\nCOPY models models\nCOPY serve.sh .\n`
  await writeFiles(directory, { Dockerfile: dockerfile, 'serve.sh': 'echo' })
  // The builder of the Engine itself: buildx need not be there.
  await docker(['build', '-q', '-t', name, '--network', 'none', directory])
  t.after(() => docker(['image', 'rm', '-f', name]))
  return name
}

const skip = engineMissing()

test('a model copied into an image becomes a version, and the line to delete is shown', {
  skip,
}, async (t) => {
  const where = await place(t)
  const image = await imageWithModel(t, where)
  const { store } = where
  const before = await docker(['ps', '-aq'])
  const captured = await ask<CaptureResult>(['capture', `image:${image}:/app/models`, 'sentiment'], { store })
  assert.equal(captured.digest, where.digest)
  assert.equal(captured.files, 3)
  assert.match(captured.next ?? '', /delete the line `COPY .*models`/)
  assert.match(captured.next ?? '', /\.dockerignore|ballast embed sentiment:1=\/app\/models/)
  const after = await docker(['ps', '-aq', '--filter', `ancestor=${image}`])
  assert.equal(after, '', `no container stays (before: ${before})`)
  const text = await run(['capture', `image:${image}:/app/models`, 'sentiment'], { store })
  assert.match(text.stderr, /to go on: in the Dockerfile: delete the line/)
})

test('an image as docker save writes it gives the same version, and no container is needed', {
  skip,
}, async (t) => {
  const where = await place(t)
  const image = await imageWithModel(t, where)
  const archive = join(where.directory, 'image.tar')
  await docker(['save', '-o', archive, image])
  const operand = `image:archive:${archive}:/app/models`
  const captured = await ask<CaptureResult>(['capture', operand, 'sentiment'], { store: where.store })
  assert.equal(captured.digest, where.digest)
  assert.match(captured.next ?? '', /delete the line/)
  assert.match(captured.next ?? '', /ballast embed sentiment:1=\/app\/models archive:/)
})

test('a model in a container is taken with what the container has changed', { skip }, async (t) => {
  const where = await place(t)
  const image = await imageWithModel(t, where)
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, image, 'sleep', '600'])
  t.after(() => docker(['rm', '-f', name]))
  await docker(['exec', name, 'sh', '-c', 'echo new > models/config.json; ln -s weights models/current'])
  const { store, directory } = where
  const captured = await ask<CaptureResult>(['capture', `container:${name}:/app/models`, 'sentiment'], {
    store,
  })
  assert.notEqual(captured.digest, where.digest)
  await ask(['mount', 'sentiment', join(directory, 'out')], { store })
  const paths = (await pathsIn(join(directory, 'out'))).filter((path) => !path.startsWith('.ballast'))
  assert.deepEqual(paths, [
    'config.json',
    'current/',
    'current/part-1.bin',
    'current/part-2.bin',
    'weights/',
    'weights/part-1.bin',
    'weights/part-2.bin',
  ])
})

test('a named volume becomes a version, also a directory in it', { skip }, async (t) => {
  const where = await place(t)
  const image = await busyboxImage(t)
  const volume = uniqueName('ballast-test')
  t.after(() => docker(['volume', 'rm', '-f', volume]))
  await docker([
    ...['run', '--rm', '-v', `${volume}:/v`, '-v', `${join(where.directory, 'models')}:/m:ro`, image],
    ...['cp', '-r', '/m/.', '/v'],
  ])
  const { store } = where
  const whole = await ask<CaptureResult>(['capture', `volume:${volume}`, 'sentiment'], { store })
  assert.equal(whole.digest, where.digest)
  const part = await ask<CaptureResult>(['capture', `volume:${volume}:weights`, 'parts'], { store })
  assert.equal(part.files, 2)
})

test('a directory where Ballast has delivered is taken without what Ballast wrote there', async (t) => {
  const { directory, store, digest } = await place(t)
  await ask(['add', 'sentiment', join(directory, 'models')], { store })
  for (const [target, more] of [
    ['pinned', []],
    ['following', ['--follow', '--once']],
  ] as const) {
    await ask(['mount', 'sentiment', join(directory, target), ...more], { store })
    const captured = await ask<CaptureResult>(['capture', join(directory, target), 'again'], { store })
    assert.equal(captured.digest, digest)
  }
})

test('a device is refused by name, and so is a link that leads out', { skip }, async (t) => {
  const where = await place(t)
  const image = await busyboxImage(t)
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, image, 'sleep', '600'])
  t.after(() => docker(['rm', '-f', name]))
  for (const [command, message] of [
    ['mkdir -p /app/a && mknod /app/a/pipe p', /app\/a\/pipe/],
    ['mkdir -p /app/b && ln -s /etc/passwd /app/b/link', /app\/b\/link" is a link that leads out of it/],
  ] as const) {
    await docker(['exec', name, 'sh', '-c', command])
    const directory = command.slice('mkdir -p '.length, 'mkdir -p /app/a'.length)
    const ran = await run(['capture', `container:${name}:${directory}`, 'sentiment'], where)
    assert.equal(ran.code, 4, ran.stderr)
    assert.match(ran.stderr, message)
  }
})

test('what is not there is not found, by its name', { skip }, async (t) => {
  const { store } = await place(t)
  for (const [operand, message] of [
    ['image:ballast-test-absent:/app', /the Engine has no image ballast-test-absent/],
    ['container:ballast-test-absent:/app', /the Engine has no container ballast-test-absent/],
    ['volume:ballast-test-absent', /the Engine has no volume ballast-test-absent/],
  ] as const) {
    const ran = await run(['capture', operand, 'sentiment'], { store })
    assert.equal(ran.code, 3, ran.stderr)
    assert.match(ran.stderr, message)
  }
})

test('without an Engine it is said that none answers, and where it was looked for', async (t) => {
  const { store, directory } = await place(t)
  const env = { DOCKER_HOST: `unix://${join(directory, 'no.sock')}` }
  const ran = await run(['capture', 'volume:models', 'sentiment'], { store, env })
  assert.equal(ran.code, 6)
  assert.match(ran.stderr, /no Docker Engine answers at unix:.*no\.sock/)
})

test('what a running container writes in itself is waited for, and is no version before', {
  skip,
}, async (t) => {
  const { store } = await place(t)
  const image = await busyboxImage(t)
  const name = uniqueName('ballast-test')
  const script =
    'mkdir -p /m/w; for i in $(seq 12); do echo part >> /m/w/weights.bin; sleep 1; done; sleep 600'
  await docker(['run', '-d', '--name', name, image, 'sh', '-c', script])
  t.after(() => docker(['rm', '-f', name]))
  const operand = `container:${name}:/m`
  const refused = await run(['capture', operand, 'sentiment', '--wait', '0'], { store })
  assert.equal(refused.code, 4, refused.stderr)
  assert.match(refused.stderr, /is being written in the container/)
  const captured = await ask<CaptureResult>(['capture', operand, 'sentiment', '--wait', '120'], { store })
  assert.deepEqual([captured.ref, captured.bytes], ['sentiment:1', 12 * 'part\n'.length])
})

test('what a container has mounted from this host is taken from there: what has not changed is not read again', {
  skip,
}, async (t) => {
  const { store, directory, digest } = await place(t)
  const image = await busyboxImage(t)
  const name = uniqueName('ballast-test')
  await ask(['add', 'sentiment', join(directory, 'models')], { store })
  await ask(['mount', 'sentiment', join(directory, 'run')], { store })
  await docker([
    'run',
    '-d',
    '--name',
    name,
    '-v',
    `${join(directory, 'run')}:/app/run`,
    image,
    'sleep',
    '600',
  ])
  t.after(() => docker(['rm', '-f', name]))
  const operand = `container:${name}:/app/run`
  const same = await ask<CaptureResult>(['capture', operand, 'sentiment:ckpt'], { store })
  assert.deepEqual([same.digest, same.isNew], [digest, false])
  await docker(['exec', name, 'sh', '-c', 'echo two > /app/run/weights/part-2.bin; echo > /app/run/run.log'])
  const captured = await ask<CaptureResult>(['capture', operand, 'sentiment:ckpt', '--exclude', '*.log'], {
    store,
  })
  assert.deepEqual([captured.ref, captured.newBytes, captured.files], ['sentiment:2', 4, 3])
  const { lineage } = await ask<ShownVersion>(['show', 'sentiment:2'], { store })
  assert.deepEqual(
    [lineage[0]?.parent?.number, lineage[0]?.from, lineage[0]?.changes?.changed],
    [1, operand, 1],
  )
  await writeFile(join(directory, 'run/DONE'), '')
  const marked = ['capture', operand, 'sentiment:ckpt', '--marker', 'DONE']
  assert.equal((await ask<CaptureResult>(marked, { store })).checkpoint, '')
})
