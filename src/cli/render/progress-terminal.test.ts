import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Progress } from '../../core/index.ts'
import type { Io } from '../io.ts'
import type { ProgressView } from '../progress.ts'
import { createPlainProgress } from './progress-plain.ts'
import { createTerminalProgress } from './progress-terminal.ts'
import { widthOf } from './text-width.ts'

const MiB = 1024 * 1024

test('a line for each file in flight, and a total with rate and time left', (t) => {
  const { view, screen, pass } = onTerminal(t)
  plan(view, ['a.bin', 'sub/b.bin', 'c.bin'])
  start(view, 'a.bin')
  start(view, 'sub/b.bin')
  pass(1)
  bytes(view, 'a.bin', 5)
  pass(1)
  assert.deepEqual(screen.lines(), [
    '  a.bin       50 %  5 MiB of 10 MiB',
    '  sub/b.bin    0 %  0 B of 10 MiB',
    'fetching  5 MiB of 30 MiB  2.5 MiB/s  10 s left  0 of 3 files',
  ])
  done(view, 'a.bin')
  pass(0.2)
  assert.deepEqual(screen.lines().length, 2)
  assert.match(screen.lines()[1] ?? '', /1 of 3 files$/)
})

test('no more lines than fit; the others are counted, and those that move come first', (t) => {
  const { view, screen, pass } = onTerminal(t, { rows: 5 })
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  plan(view, names)
  for (const name of names) start(view, name)
  bytes(view, 'h', 1)
  pass(1)
  const lines = screen.lines()
  assert.equal(lines.length, 4)
  assert.match(lines[0] ?? '', /^ {2}h /)
  assert.match(lines.at(-1) ?? '', /\+5 more$/)
})

test('no line is broken, whatever a name is like and however narrow the terminal; what matters most stays', (t) => {
  const names = [
    `${'deep/'.repeat(60)}weights-00001-of-00002.safetensors`,
    '模型'.repeat(40),
    'a\n\u001b[31mb',
  ]
  for (const columns of [200, 80, 40, 20, 8]) {
    const { view, screen, pass } = onTerminal(t, { columns })
    plan(view, names)
    for (const name of names) {
      start(view, name)
      bytes(view, name, 1)
    }
    pass(1)
    const lines = screen.lines()
    assert.equal(lines.length, 4)
    for (const line of lines) assert.ok(widthOf(line) < columns, `${columns}: ${line}`)
    if (columns >= 40) assert.match(lines[3] ?? '', /^fetching {2}3 MiB of 30 MiB/)
    if (columns === 80) assert.match(lines[0] ?? '', /^ {2}deep\/.*….*safetensors {3}10 %/)
    if (columns === 40) assert.match(lines[0] ?? '', /^ {2}deep\/.*….*nsors {3}10 %$/)
    view.close()
  }
})

test('it is drawn ten times a second at the most, and not at all for short work', (t) => {
  const { view, screen, pass } = onTerminal(t)
  start(view, 'a')
  for (let at = 0; at < 50; at++) {
    bytes(view, 'a', 0.01)
    pass(0.01)
  }
  assert.equal(screen.written(), '')
  pass(0.2)
  const before = screen.draws()
  for (let at = 0; at < 100; at++) {
    bytes(view, 'a', 0.01)
    pass(0.01)
  }
  assert.ok(screen.draws() - before <= 10, `${screen.draws() - before}`)
})

test('nothing is left of it: when it is closed, when nothing is in flight, when the process ends', (t) => {
  const ends: readonly ((view: ProgressView) => void)[] = [
    (view) => view.close(),
    (view) => view.restart(),
    (view) => done(view, 'a'),
    () => process.emit('exit', 0),
  ]
  for (const end of ends) {
    const { view, screen, pass } = onTerminal(t)
    start(view, 'a')
    pass(1)
    assert.equal(screen.lines().length, 2)
    end(view)
    if (end === ends[2]) pass(0.2)
    assert.deepEqual(screen.lines(), [])
    view.close()
  }
})

test('that nothing moves is said', (t) => {
  const { view, screen, pass } = onTerminal(t)
  plan(view, ['a'])
  start(view, 'a')
  bytes(view, 'a', 1)
  pass(12)
  assert.equal(screen.lines()[1], 'fetching  1 MiB of 10 MiB  nothing for 12 s')
})

test('elsewhere a line comes every five seconds, while something is in flight', (t) => {
  const { io, screen, pass } = setUp(t)
  const view = createPlainProgress(io)
  plan(view, ['a', 'b'])
  start(view, 'a')
  pass(4)
  bytes(view, 'a', 5)
  assert.equal(screen.written(), '')
  pass(1)
  assert.equal(screen.written(), 'fetching  5 MiB of 20 MiB  1 MiB/s  15 s left  0 of 2 files\n')
  done(view, 'a')
  pass(30)
  assert.equal(screen.written().split('\n').length, 2)
})

const tell = (view: ProgressView, event: Omit<Progress, 'step'> & Record<string, unknown>): void =>
  view.onProgress({ step: 'download', ...event } as Progress)
const start = (view: ProgressView, item: string): void => tell(view, { kind: 'start', item, total: 10 * MiB })
const bytes = (view: ProgressView, item: string, count: number): void =>
  tell(view, { kind: 'bytes', item, count: count * MiB })
const done = (view: ProgressView, item: string): void => tell(view, { kind: 'done', item })
const plan = (view: ProgressView, items: readonly string[]): void => {
  for (const item of items) tell(view, { kind: 'plan', item, total: 10 * MiB })
}

interface Screen {
  /** What is to be seen, without empty lines at the end. */
  readonly lines: () => readonly string[]
  readonly written: () => string
  readonly draws: () => number
}

interface Setting {
  readonly io: Io
  readonly screen: Screen
  readonly pass: (seconds: number) => void
}

function onTerminal(
  t: TestContext,
  size: { columns?: number; rows?: number } = {},
): Setting & { view: ProgressView } {
  const setting = setUp(t, size)
  return { ...setting, view: createTerminalProgress(setting.io) }
}

function setUp(t: TestContext, { columns = 80, rows = 24 } = {}): Setting {
  let time = 100
  t.mock.restoreAll()
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(process, 'uptime', () => time)
  const written: string[] = []
  const io = {
    isTerminal: true,
    columns,
    rows,
    err: (text: string) => void written.push(text),
  } as unknown as Io
  const pass = (seconds: number): void => {
    const until = time + seconds
    while (time < until - 1e-9) {
      const step = Math.min(0.05, until - time)
      time += step
      t.mock.timers.tick(Math.round(step * 1000))
    }
  }
  const screen: Screen = {
    lines: () => shownBy(written.join('')),
    written: () => written.join(''),
    draws: () => written.length,
  }
  return { io, screen, pass }
}

/** As a terminal does it, of the little that is used of one. */
function shownBy(text: string): readonly string[] {
  const rows = ['']
  let row = 0
  let column = 0
  for (const [part, up] of text.matchAll(/\u001b\[(\d*)[AJK]|[^\u001b]/g)) {
    if (part === '\r') column = 0
    else if (part === '\n') [row, column] = [row + 1, 0]
    else if (part.endsWith('A') && part.startsWith('\u001b')) row -= Number(up)
    else {
      const kept = (rows[row] ?? '').slice(0, column)
      rows[row] = part.startsWith('\u001b') ? kept : kept + part
      if (part === '\u001b[J') rows.length = row + 1
      if (!part.startsWith('\u001b')) column++
    }
  }
  return rows.slice(0, rows.findLastIndex((line) => line !== '') + 1)
}
