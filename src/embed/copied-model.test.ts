import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BallastError, digestOf, isBallastError } from '../core/index.ts'
import { type Inventory, mergeInventories } from '../oci/index.ts'
import { refuseCopiedModel } from './copied-model.ts'

const FILES = [file('sentiment_model.pkl', 50_000), file('vocab/words.txt', 700)]
const COPY = 'COPY models /app/models # buildkit'

interface Layer {
  readonly by: string
  /** Paths with sizes; a path without one is a directory. */
  readonly holds: Readonly<Record<string, number | undefined>>
  readonly link?: { readonly path: string; readonly to: string }
}

const MODEL = {
  'app/models': undefined,
  'app/models/sentiment_model.pkl': 50_000,
  'app/models/vocab/words.txt': 700,
}

test('the same names and sizes are the model: which layer, how large, which line, and what to run then', () => {
  const error = refusal([
    { by: 'COPY main.py /app # buildkit', holds: { 'app/main.py': 10 } },
    { by: COPY, holds: MODEL },
  ])
  assert.match(
    error.message,
    /^\/app\/models: .*already holds the model there, by the names and sizes of the files of sentiment:3/,
  )
  assert.match(error.message, new RegExp(`layer ${digestOf('1').slice(7, 19)} of 2\\.0 MB`))
  assert.match(error.message, /made by `COPY models \/app\/models`/)
  assert.doesNotMatch(error.message, /main\.py/)
  assert.match(error.hint ?? '', /delete the line `COPY models \/app\/models`/)
  assert.match(error.hint ?? '', /then: ballast embed AGAIN$/)
})

test('the same names with other sizes are another version; so are half of the names', () => {
  const other = refusal([{ by: COPY, holds: { ...MODEL, 'app/models/sentiment_model.pkl': 49_000 } }])
  assert.match(
    other.message,
    /another version.* 2 of the 2 files of sentiment:3 by name, 1 of them of another size/,
  )
  const half = refusal([{ by: COPY, holds: { 'app/models/sentiment_model.pkl': 50_000 } }])
  assert.match(half.message, /another version.* 1 of the 2 files/)
})

test('every layer with a copy is named, and each step that made one', () => {
  const error = refusal([
    { by: COPY, holds: MODEL },
    { by: '/bin/sh -c chown -R app /app', holds: { ...MODEL, 'app/main.py': 3 } },
  ])
  assert.match(error.message, new RegExp(`${digestOf('0').slice(7, 19)}.*${digestOf('1').slice(7, 19)}`))
  assert.match(error.hint ?? '', /delete the line `COPY/)
  assert.match(error.hint ?? '', /take the model's files out of `RUN chown -R app \/app`/)
})

test('a line that copies the application too is not to be deleted', () => {
  const error = refusal([{ by: 'COPY . /app # buildkit', holds: { ...MODEL, 'app/main.py': 3 } }])
  assert.match(error.hint ?? '', /keep the model out of `COPY \. \/app` .*\.dockerignore/)
  assert.doesNotMatch(error.hint ?? '', /delete/)
})

test('the history of other builders, and none', () => {
  const hash = 'a'.repeat(64)
  const steps = {
    [`/bin/sh -c #(nop) COPY dir:${hash} in /app/models `]: /delete the line `COPY … \/app\/models`/,
    [`/bin/sh -c #(nop) COPY --chown=app:app dir:${hash} in /app/models `]:
      /`COPY --chown=app:app … \/app\/models`/,
    'RUN /bin/sh -c curl x\u001b[31m | tar x # buildkit': /out of `RUN curl x \[31m \| tar x`/,
    '': /delete the line that made layer [0-9a-f]{12}/,
  }
  for (const [by, hint] of Object.entries(steps))
    assert.match(refusal([{ by, holds: MODEL }]).hint ?? '', hint)
})

test('the model behind a link of the base is recognised', () => {
  const holds = { 'data/m/sentiment_model.pkl': 50_000, 'data/m/vocab/words.txt': 700 }
  const error = refusal([{ by: COPY, holds, link: { path: 'app/models', to: '../data/m' } }])
  assert.match(error.message, /already holds the model/)
})

test('what is not the model is left to placement', () => {
  const files = [...FILES, file('a', 1), file('b', 1), file('c', 1)]
  check([{ by: COPY, holds: { 'app/models/vocab/words.txt': 700 } }], { files })
  check([{ by: COPY, holds: { 'app/models/other.bin': 1 } }])
  check([{ by: COPY, holds: { 'app/models': 7 } }])
  check([{ by: COPY, holds: { 'app/models/sentiment_model.pkl': undefined, 'app/models/vocab': undefined } }])
  for (const path of ['/', 'app/models', '/nowhere', '/app/models/vocab/words.txt/x']) {
    check([{ by: COPY, holds: MODEL }], { path })
  }
})

function check(layers: readonly Layer[], { path = '/app/models', files = FILES } = {}): void {
  const inventories = layers.map(inventoryOf)
  const base = {
    layers: layers.map(({ by }, at) => ({
      digest: digestOf(`${at}`),
      size: 2e6,
      diffId: digestOf(`diff ${at}`),
      createdBy: by,
    })),
    inventories,
    view: mergeInventories(inventories),
  }
  refuseCopiedModel({ base, files, path, reference: 'sentiment:3', command: 'ballast embed AGAIN' })
}

function refusal(layers: readonly Layer[]): BallastError {
  try {
    check(layers)
  } catch (error) {
    assert.ok(isBallastError(error, 'REFUSED'))
    return error
  }
  throw new Error('nothing was refused')
}

function inventoryOf({ holds, link }: Layer): Inventory {
  const own = { mode: 0o755, uid: 0, gid: 0 }
  const entries = Object.entries(holds).map(([path, size]) =>
    size === undefined
      ? ({ path, type: 'directory', ...own } as const)
      : ({ path, type: 'file', ...own, size } as const),
  )
  const links =
    link === undefined ? [] : [{ path: link.path, type: 'symlink', ...own, link: link.to } as const]
  return { entries: [...entries, ...links], whiteouts: [], opaques: [] }
}

function file(path: string, size: number) {
  return { path, size, digest: digestOf(path) }
}
