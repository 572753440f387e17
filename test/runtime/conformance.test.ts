import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ask } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const run = promisify(execFile)
const inTests = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

interface Step {
  readonly title?: string
  /** Once. */
  readonly ask?: Question
  /** Until the answer is the wanted one, for ten seconds at most. */
  readonly await?: Question
  readonly answer?: unknown
  readonly error?: { readonly code: string; readonly message?: string }
  /** The command, with these arguments. */
  readonly run?: readonly string[]
  readonly link?: readonly [string, string]
  readonly directory?: string
  readonly file?: string
  readonly text?: string
  /** Embeds `REF=PATH` into an image, whose files are then `into` the directory. */
  readonly unpack?: string
  readonly into?: string
}

interface Question {
  readonly call: string
  readonly file?: string
}

interface Library {
  readonly name: string
  readonly put: (question: Question) => Promise<unknown>
}

const { steps } = JSON.parse(await readFile(inTests('cases.json'), 'utf8')) as { steps: readonly Step[] }

const python =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0 && 'python3'
if (python === false && process.env.BALLAST_REQUIRE_PARTS) throw new Error('there is no Python 3.9 or newer')

test('both libraries answer alike on what the command delivers', async (t) => {
  const root = await temporaryDirectory(t)
  const options = { store: join(root, 'store'), cwd: root }
  for (const [at, text] of ['one', 'two', 'three', 'broken'].entries()) {
    await writeFiles(join(root, `models/${at}`), { 'w.txt': text, 'config.json': `{"version": ${at}}` })
    await ask(['add', 'sentiment', `./models/${at}`], options)
  }
  await writeFiles(join(root, 'models/other'), { 'w.txt': 'other', 'config.json': '{}' })
  const libraries = startLibraries(t, root)
  for (const step of steps) {
    await prepare(step, { root, options })
    if (step.ask === undefined && step.await === undefined) continue
    for (const library of libraries) {
      const title = `${step.title ?? JSON.stringify(step.ask)} (${library.name})`
      await t.test(title, () => check(step, { root, library }))
    }
  }
  if (libraries.length === 1)
    t.diagnostic('the library for Python is left out: there is no Python 3.9 or newer')
})

async function prepare(
  { run: args, link, directory, file, text, unpack, into = '' }: Step,
  {
    root,
    options,
  }: { readonly root: string; readonly options: { readonly store: string; readonly cwd: string } },
): Promise<void> {
  if (args !== undefined) await ask(args, options)
  if (link !== undefined) await symlink(link[1], join(root, link[0]))
  if (directory !== undefined) await mkdir(join(root, directory), { recursive: true })
  if (file !== undefined && text !== undefined) await writeFiles(root, { [file]: text })
  if (unpack === undefined) return
  const layout = join(root, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  await ask(['embed', unpack, 'oci:layout:base', '-t', 'oci:layout:embedded'], options)
  await unpackLayout(layout, { tag: 'embedded', into: join(root, into) })
}

/** No layer of this image removes anything, so that all of them can be unpacked over each other. */
async function unpackLayout(
  layout: string,
  { tag, into }: { readonly tag: string; readonly into: string },
): Promise<void> {
  const read = async (path: string) => JSON.parse(await readFile(join(layout, path), 'utf8'))
  const blob = (digest: string): string => `blobs/${digest.replace(':', '/')}`
  const { manifests } = await read('index.json')
  const named = manifests.find(
    ({ annotations }: { annotations: Record<string, string> }) =>
      annotations['org.opencontainers.image.ref.name'] === tag,
  )
  await mkdir(into)
  for (const { digest } of (await read(blob(named.digest))).layers) {
    await run('tar', ['-xf', join(layout, blob(digest)), '-C', into])
  }
}

async function check(
  step: Step,
  { root, library }: { readonly root: string; readonly library: Library },
): Promise<void> {
  const question = filled(step.ask ?? step.await, library) as Question
  const isOnce = step.ask !== undefined
  const deadline = Date.now() + (isOnce ? 0 : 10_000)
  for (;;) {
    const { answer, error } = (await putTo(library, { root, question })) as {
      readonly answer?: unknown
      readonly error?: { readonly code: string; readonly message: string }
    }
    try {
      const message = error?.message.replaceAll(root, '{root}').replace(/\{ name \}|name(?=$|, or)/g, 'NAME')
      if (step.error === undefined) assert.deepEqual([essence(answer), message], [step.answer, undefined])
      else
        assert.deepEqual(error && { ...error, message: step.error.message && message }, {
          message: undefined,
          ...step.error,
        })
      return
    } catch (failure) {
      if (Date.now() >= deadline) throw failure
      await pause(20)
    }
  }
}

/** A file of readiness is what a question of this name reads; everything else is the library's to answer. */
async function putTo(
  library: Library,
  { root, question }: { readonly root: string; readonly question: Question },
): Promise<unknown> {
  if (question.call !== 'read') return library.put(question)
  const text = await readFile(join(root, question.file ?? ''), 'utf8').catch(() => 'null')
  return { answer: JSON.parse(text) }
}

function filled(question: unknown, { name }: Library): unknown {
  return JSON.parse(JSON.stringify(question).replaceAll('{library}', name))
}

/** Without what differs from run to run: hashes in names, digests beside numbers, processes and times. */
function essence(value: unknown): unknown {
  if (typeof value === 'string') {
    return value
      .replace(/(?<=^live\/\.ballast\/versions\/\d+-)[0-9a-f]{12}$/, '*')
      .replace(/(?<=^tenant-)[0-9a-f]{12}$/, '*')
  }
  if (Array.isArray(value)) return value.map(essence)
  if (typeof value !== 'object' || value === null) return value
  const said = value as Readonly<Record<string, unknown>>
  const ready = said.ready === undefined ? said : readinessOf(said)
  return Object.fromEntries(Object.entries(ready).map(([key, part]) => [key, essence(part)]))
}

function readinessOf({
  ready,
  number,
  digest,
  variants,
  refused,
  problem,
}: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  assert.match(String(digest), /^sha256:[0-9a-f]{64}$/)
  const named = variants as readonly { readonly name: string; readonly number: number }[] | undefined
  const numbered = refused as readonly { readonly number: number }[] | undefined
  return {
    ready,
    number,
    ...(named && { variants: named.map((one) => [one.name, one.number]) }),
    ...(numbered && { refused: numbered.map((one) => one.number) }),
    ...(problem !== undefined && { problem }),
  }
}

function startLibraries(t: TestContext, root: string): readonly Library[] {
  const node = spawn(process.execPath, [inTests('library.ts'), root], { stdio: ['pipe', 'pipe', 'inherit'] })
  const libraries = [libraryOf(t, { name: 'node', child: node })]
  if (python === false) return libraries
  const child = spawn(python, ['-B', inTests('library.py'), root], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: dirname(inTests('../../python/ballast_runtime')) },
  })
  return [...libraries, libraryOf(t, { name: 'python', child })]
}

function libraryOf(
  t: TestContext,
  { name, child }: { readonly name: string; readonly child: ChildProcess },
): Library {
  const { stdin, stdout } = child
  assert.ok(stdin && stdout)
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  t.after(async () => {
    stdin.end()
    // Watches keep neither of them running.
    if (child.exitCode === null) await once(child, 'exit')
  })
  return {
    name,
    async put(question) {
      stdin.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`the ${name} library has ended`)
      return JSON.parse(value as string)
    },
  }
}
