import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { type SourceFile, scanLocalFiles } from './local-files.ts'
import { findWriter } from './writers.ts'

const skip = process.platform !== 'linux' && 'only Linux shows who has a file open'

const PROGRAMS: Readonly<Record<string, readonly [program: string, writes: boolean]>> = {
  'open for appending': ['f = open(p, "ab")', true],
  'open for reading and writing': ['f = open(p, "r+b")', true],
  'open for reading': ['f = open(p, "rb")', false],
  'mapped for writing, the descriptor closed': [
    'import mmap; f = open(p, "r+b"); m = mmap.mmap(f.fileno(), 0); f.close()',
    true,
  ],
  'mapped for reading': [
    'import mmap; f = open(p, "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()',
    false,
  ],
}
for (const [what, [program, writes]] of Object.entries(PROGRAMS)) {
  test(`a file that a process has ${what}`, { skip }, async (t) => {
    const { files, place } = await modelIn(t)
    const pid = await startPython(t, `p = ${JSON.stringify(place)}; ${program}`)
    const expected = { path: 'w/weights.bin', process: `python3 (process ${pid})` }
    assert.deepEqual(await findWriter(files), writes ? expected : undefined)
  })
}

async function modelIn(
  t: TestContext,
): Promise<{ readonly files: readonly SourceFile[]; readonly place: string }> {
  const directory = await writeFiles(await temporaryDirectory(t), { 'w/weights.bin': 'weights', other: '' })
  const { files } = await scanLocalFiles([directory])
  return { files, place: join(directory, 'w/weights.bin') }
}

async function startPython(t: TestContext, program: string): Promise<number | undefined> {
  const script = `${program}\nprint(flush=True)\nimport time; time.sleep(60)`
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child.pid
}
