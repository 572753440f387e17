import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Io } from '../io.ts'
import { createProgressView, type ProgressView } from './progress.ts'

const MiB = 1024 * 1024

test('elsewhere than on a terminal a line comes every five seconds, with what is done, of how much, and how fast', (t) => {
  const { view, at, lines } = shown(t, false)
  view.onProgress({ kind: 'start', step: 'copy', item: 'a.bin', total: 10 * MiB })
  at(4)
  view.onProgress({ kind: 'bytes', step: 'copy', item: 'a.bin', count: MiB })
  assert.deepEqual(lines, [])
  at(10)
  view.onProgress({ kind: 'bytes', step: 'copy', item: 'a.bin', count: 4 * MiB })
  assert.deepEqual(lines, ['copying  5 MiB of 10 MiB  512 KiB/s  10.0 s left  a.bin\n'])
  at(11)
  view.onProgress({ kind: 'bytes', step: 'copy', item: 'a.bin', count: MiB })
  assert.equal(lines.length, 1)
})

test('nothing is said of the time left before anything has moved', (t) => {
  const { view, at, lines } = shown(t, false)
  at(30)
  view.onProgress({ kind: 'start', step: 'copy', item: 'a.bin', total: 4 })
  assert.deepEqual(lines, ['copying  0 B of 4 B  0 B/s  a.bin\n'])
})

test('each step counts by itself, and so does the work after a restart', (t) => {
  const { view, at, lines } = shown(t, true)
  view.onProgress({ kind: 'start', step: 'hash', item: 'a', total: 100 })
  at(1)
  view.onProgress({ kind: 'bytes', step: 'hash', item: 'a', count: 100 })
  at(2)
  view.onProgress({ kind: 'start', step: 'upload', item: 'a', total: 50 })
  assert.match(lines.at(-1) ?? '', /sending {2}0 B of 50 B/)
  view.restart()
  at(3)
  view.onProgress({ kind: 'start', step: 'upload', item: 'b', total: 7 })
  assert.match(lines.at(-1) ?? '', /sending {2}0 B of 7 B/)
})

function shown(
  t: { mock: { method: (object: object, name: 'uptime', by: () => number) => unknown } },
  isTerminal: boolean,
): {
  readonly view: ProgressView
  readonly at: (seconds: number) => void
  readonly lines: readonly string[]
} {
  let time = 100
  t.mock.method(process, 'uptime', () => time)
  const lines: string[] = []
  const io = { isTerminal, columns: 200, err: (text: string) => void lines.push(text) } as unknown as Io
  const at = (seconds: number): void => {
    time = 100 + seconds
  }
  return { view: createProgressView(io), at, lines }
}
