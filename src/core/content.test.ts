import assert from 'node:assert/strict'
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { bytesContent, type Content, fileContent, metered, readAll, verified } from './content.ts'
import { digestOf } from './digest.ts'

test('verified passes on exactly the bytes when length and digest are right', async () => {
  await fc.assert(
    fc.asyncProperty(chunks(), async (parts) => {
      const whole = Buffer.concat(parts)
      const passed = await readAll(verified(stream(parts), expected(whole)), Infinity)
      assert.deepEqual(passed, whole)
    }),
  )
})

test('verified fails on any change of one bit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(7), async (bytes, at, bit) => {
      const changed = Uint8Array.from(bytes)
      changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ (1 << bit)
      await assert.rejects(readAll(verified(stream([changed]), expected(bytes)), Infinity), {
        code: 'DAMAGED',
      })
    }),
  )
})

test('verified stops as soon as there is more than expected, without reading on', async () => {
  let read = 0
  async function* endless(): AsyncIterable<Uint8Array> {
    for (;;) {
      read++
      yield Buffer.alloc(10)
    }
  }
  const { digest } = expected(Buffer.alloc(25))
  await assert.rejects(readAll(verified(endless(), { digest, size: 25 }), Infinity), {
    code: 'DAMAGED',
    message: /25 bytes expected, more found/,
  })
  assert.equal(read, 3)
})

test('a truncated content is damaged, and says by how much', async () => {
  const whole = Buffer.from('all of it')
  await assert.rejects(readAll(verified(stream([whole.subarray(0, 3)]), expected(whole)), Infinity), {
    code: 'DAMAGED',
    message: /9 bytes expected, 3 found/,
  })
})

test('a pipeline never ends well with damaged bytes', async (t) => {
  const path = join(await temporaryDirectory(t), 'copy')
  const source = verified(stream([Buffer.from('other')]), expected(Buffer.from('bytes')))
  await assert.rejects(pipeline(source, createWriteStream(path)), { code: 'DAMAGED' })
})

test('metered counts every byte and stops between chunks when aborted', async () => {
  const controller = new AbortController()
  const counts: number[] = []
  const reading = readAll(
    metered(
      stream([Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(5)]),
      (count) => {
        counts.push(count)
        if (counts.length === 2) controller.abort()
      },
      controller.signal,
    ),
    Infinity,
  )
  await assert.rejects(reading, { code: 'INTERRUPTED' })
  assert.deepEqual(counts, [3, 4])
})

test('content can be read again, whole and in parts, from memory and from a file', async (t) => {
  const path = join(await temporaryDirectory(t), 'file')
  const data = Buffer.from('0123456789')
  await writeFile(path, data)
  for (const content of [bytesContent(data), fileContent(path, data.length)]) {
    assert.equal(await text(content), '0123456789')
    assert.equal(await text(content, 3, 4), '3456')
    assert.equal(await text(content, 9, 1), '9')
    assert.equal(await text(content, 5, 0), '')
    assert.equal(await text(content), '0123456789')
  }
})

test('an empty file is empty content', async (t) => {
  const path = join(await temporaryDirectory(t), 'empty')
  await writeFile(path, '')
  assert.equal(await text(fileContent(path, 0)), '')
})

test('readAll refuses more than its limit', async () => {
  assert.equal((await readAll(stream([Buffer.alloc(8)]), 8)).length, 8)
  await assert.rejects(readAll(stream([Buffer.alloc(5), Buffer.alloc(4)]), 8), { code: 'REFUSED' })
})

function chunks(): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 })
}

async function* stream(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* parts
}

function expected(bytes: Uint8Array): { digest: ReturnType<typeof digestOf>; size: number } {
  return { digest: digestOf(bytes), size: bytes.length }
}

async function text(content: Content, offset?: number, length = 0): Promise<string> {
  const range = offset === undefined ? undefined : { offset, length }
  return (await readAll(content.open(range), Infinity)).toString()
}
