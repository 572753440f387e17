import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { bytesSource } from '../sources.ts'
import { decompress, type Engine } from './index.ts'

const PLAIN = Buffer.concat([
  Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(20)),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  Buffer.alloc(1000, 'a'),
])

/** As Python's modules of these names, and lz4, wrote it. */
const WRITTEN: Readonly<Record<string, string>> = {
  bzip2:
    'QlpoOTFBWSZTWYZMh/gAAb3/////////////////////////////////////////////sAFZQ2kmAAmAAJgAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAJgAAAAAAAAAAEwAAAAAAAAAAAAAAAAAAmAmBJVAmSeoe0k0yNA0AA0AAA0AAAAAAHqaaN' +
    'Gh5JoA0AAAAAAAAAAAAAAAAAAGgBCsmbRq2fm7h/kDmQyKRumHcBJIGSwUHJpPCSiUyqVyyGlrwEPQREgh6CLmCIsEMgRFghwkE0' +
    'ms2m84nMNOp3PJ7Pp/EAiguqEamxucHJ0dnh6fH6AgoSGiIqMjpCSlJaYmpyeoKKkpqiqrK6wsrS2uLq8vsDCxMbJ8f3/PAHl5BD' +
    'NFPBERFAiJaAiKAReHwIq7UEXsEXp6AimvgQ/uW4Icgi+MwRYWG4IjAQ9YBFibgiwAh0CGH4EPmwIgARAgiMaghw2SQemyNgQ7BE' +
    'E5BDDIEQbIEO40EWaEBFnaX/AQEDBQf9hIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wr7CxsrO0' +
    'tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dj5OXm523oeOnq6+zt7u/w8fLz/3p6+3v8fIqA/U5/' +
    '/v8/RdyRThQkIZMh/gA=',
  xz:
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AhrAR9dADoaCM52x+Xp1gc0w9EOv85V4aq94OSPmAHdjeUHVJ5lJV8nOmp+tNNJA4nO' +
    '1H08/5reGd4PLK6nya0pfXqNTP/+b2LjIrsLggyCYwsKYOBZj2nm/OaAJLLKcuUpiwgYbdJSUJfKX67VCgViwfbdmzW3b/YvIMZ1' +
    '5H++smtFYiaRfUU7JCn3UhmNVhLhybF6omdZq3NZ8jA5dX/0BL9rLf37bpJ3bVygUTPx5stdU/LOOw5QPRFusoOO1PU9kc62KZ4I' +
    '/jiUSrjkJmpekMwq9E8bebzCGHBjxFFjZol+TPamQKBpN+PvZWNdtg1MQUmIErp0YCPYNt+9MWJn7063VtyS+yvKOcvr6ze+VqVU' +
    '0E+J9a/vFcDDuq9A7VkS8ZgAAADrC4aKu7lcAwABuwLsEAAA+zkXSbHEZ/sCAAAAAARZWg==',
  lzma:
    'XQAAgAD//////////wA6GgjOdsfl6dYHNMPRDr/OVeGqveDkj5gB3Y3lB1SeZSVfJzpqfrTTSQOJztR9PP+a3hneDyyup8mtKX16' +
    'jUz//m9i4yK7C4IMgmMLCmDgWY9p5vzmgCSyynLlKYsIGG3SUlCXyl+u1QoFYsH23Zs1t2/2LyDGdeR/vrJrRWImkX1FOyQp91IZ' +
    'jVYS4cmxeqJnWatzWfIwOXV/9AS/ay39+26Sd21coFEz8ebLXVPyzjsOUD0RbrKDjtT1PZHOtimeCP44lEq45CZqXpDMKvRPG3m8' +
    'whhwY8RRY2aJfkz2pkCgaTfj72VjXbYNTEFJiBK6dGAj2DbfvTFiZ+9Ot1bckvsryjnL6+s3vlalVNBPifWv7xXAw7qvQO1ZE+jw' +
    '9P//j6YAAA==',
  lz4:
    'BCJNGGxAbAgAAAAAAACCRwEAAPAQdGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIB8AkWxhenkgZG9nLg4ADy0A////Q//0' +
    'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElK' +
    'S0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SV' +
    'lpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g' +
    '4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/2FhYQMA////0FBhYWFhYQAAAADBVuRD',
}

const all = async (engine: Engine, bytes: Buffer): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of decompress(engine, bytesSource('x', bytes))) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const cases: readonly (readonly [Engine, Buffer])[] = [
  ...Object.entries(WRITTEN).map(
    ([engine, text]) => [engine as Engine, Buffer.from(text, 'base64')] as const,
  ),
  ['gzip', gzipSync(PLAIN)],
  ['zlib', deflateSync(PLAIN)],
]

for (const [engine, bytes] of cases) {
  test(`${engine}: what was compressed, and several one after another`, async () => {
    assert.deepEqual(await all(engine, bytes), PLAIN)
    if (engine === 'lzma') return
    assert.deepEqual(await all(engine, Buffer.concat([bytes, bytes])), Buffer.concat([PLAIN, PLAIN]))
  })

  test(`${engine}: what is cut short, or damaged, ends with an error and never without end`, async () => {
    for (let length = 1; length < bytes.length - 12; length += 7) {
      await assert.rejects(all(engine, bytes.subarray(0, length)), `${length} bytes`)
    }
    for (let at = 0; at < bytes.length; at += 5) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ 0x55
      await all(engine, damaged).catch(() => undefined)
    }
  })
}

test('gzip: zeros between members are passed over, as Python does', async () => {
  const bytes = gzipSync(PLAIN)
  const padded = Buffer.concat([bytes, Buffer.alloc(9), bytes])
  assert.deepEqual(await all('gzip', padded), Buffer.concat([PLAIN, PLAIN]))
})
