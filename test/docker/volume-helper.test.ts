import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, copyFile, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildHelper, COMPILER_VERSION, COMPILERS } from '../../scripts/build-helper.ts'
import { isBallastError } from '../../src/core/index.ts'
import { HELPER_BINARIES } from '../../src/docker/helper/binaries.ts'
import { type VolumeHelper, withVolumeHelper } from '../../src/docker/index.ts'
import { docker, engineMissing, machineEngine, uniqueName } from '../fixtures/engine.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

function compilerMissing(compiler: string): string | false {
  if (process.env.BALLAST_REQUIRE_PARTS) return false
  const { stdout, error } = spawnSync(compiler, ['-dumpfullversion'], { encoding: 'utf8' })
  if (error !== undefined) return `${compiler} is not installed`
  return stdout.trim() !== COMPILER_VERSION && `${compiler} is not of release ${COMPILER_VERSION}`
}

for (const [architecture, compiler] of Object.entries(COMPILERS)) {
  test(`the helper for ${architecture} is built from its source to the bytes that are shipped`, {
    skip: compilerMissing(compiler),
  }, () => {
    assert.equal(buildHelper(compiler).toString('base64'), HELPER_BINARIES[architecture])
  })
}

const STEPS = [
  ...['K', 'lock', 'M', 'new', 'M', 'new', 'F', 'absent', 'T', 'absent', '', 'R', 'old.txt', 'new/moved.txt'],
  ...[
    'L',
    'new',
    'current',
    'temporary',
    'T',
    'current',
    'new',
    'N',
    'away',
    'gone',
    'N',
    'stays',
    'elsewhere',
  ],
  ...['D', 'tree', 'S', 'I', 'current', 'I', 'new/moved.txt', 'I', 'nothing', 'E', 'new'],
]

/** The steps in a root of their own, by the program for an architecture; another than this machine's by emulation. */
async function inRoot(t: TestContext, architecture: string): Promise<void> {
  const root = await temporaryDirectory(t)
  const volume = join(root, 'volume')
  await writeFiles(volume, { 'old.txt': 'text', 'tree/a/b/c': '1', 'tree/d': '2' })
  await writeFiles(join(root, 'outside'), { 'kept.txt': 'kept' })
  for (let at = 0; at < 300; at++)
    await writeFile(join(volume, 'tree/a', `a file with a long name ${at}`.repeat(5)), '')
  for (const [link, to] of Object.entries({ away: 'gone', stays: 'here', 'tree/out': '/outside' })) {
    await symlink(to, join(volume, link))
  }
  await writeFile(join(root, 'script'), STEPS.map((word) => `${word}\0`).join(''))
  await writeFile(join(root, 'helper'), Buffer.from(HELPER_BINARIES[architecture] ?? '', 'base64'))
  await chmod(join(root, 'helper'), 0o755)
  const own = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]
  const emulator = own === architecture ? [] : ['/emulator']
  if (emulator.length > 0) await copyFile('/usr/bin/qemu-aarch64-static', join(root, 'emulator'))
  execFileSync('chroot', [root, ...emulator, '/helper'])
  const told = (await readFile(join(root, 'output'), 'utf8')).split('\0')
  assert.deepEqual([told[0], told[1], told[5]], ['current', 'l', 'new'])
  assert.deepEqual(told.slice(6, 9), ['new/moved.txt', 'f', '4'])
  assert.deepEqual(told.slice(12, 18), ['nothing', '-', '0', '0', '0', ''])
  assert.deepEqual(told.slice(18, 20), ['moved.txt', 'f'])
  assert.deepEqual(await pathsIn(volume), [
    'current -> new',
    'lock',
    'new/',
    'new/moved.txt',
    'stays -> here',
  ])
  assert.equal(await readFile(join(root, 'outside/kept.txt'), 'utf8'), 'kept')
}

test(
  'the helper takes its steps, and removes nothing through a link',
  {
    skip: process.getuid?.() !== 0 || process.arch !== 'x64' ? 'needs root on amd64' : false,
  },
  (t) => inRoot(t, 'amd64'),
)

test(
  'the helper for arm64 takes the same steps',
  {
    skip: !process.env.BALLAST_REQUIRE_PARTS && emulatorMissing() && 'qemu-aarch64-static is not installed',
  },
  (t) => inRoot(t, 'arm64'),
)

function emulatorMissing(): boolean {
  return spawnSync('qemu-aarch64-static', ['--version']).error !== undefined || process.getuid?.() !== 0
}

async function inVolume(t: TestContext, work: (helper: VolumeHelper) => Promise<void>): Promise<void> {
  const engine = await machineEngine(t)
  const volume = uniqueName('ballast-test')
  await docker(['volume', 'create', volume])
  t.after(() => docker(['volume', 'rm', '-f', volume]))
  await withVolumeHelper(engine, { volume }, work)
}

test(
  'in an Engine, a step that finds another link than it was told stops there, as a conflict',
  {
    skip: engineMissing(),
  },
  (t) =>
    inVolume(t, async (helper) => {
      await helper.run([['link', 'there', 'current', 'temporary']])
      const steps = [
        ['link?', 'current', 'elsewhere'],
        ['remove', 'current'],
      ] as const
      await assert.rejects(helper.run(steps), (error) => isBallastError(error, 'CONFLICT'))
      const [told] = await helper.run([['tell', 'current']])
      assert.deepEqual([told?.type, told?.link], ['symlink', 'there'])
    }),
)

test(
  'in an Engine, what the system refuses is a failure that names step and path',
  {
    skip: engineMissing(),
  },
  (t) =>
    inVolume(t, async (helper) => {
      await assert.rejects(helper.run([['rename', 'absent', 'b']]), (error) => {
        return isBallastError(error, 'DISK') && /rename absent failed \(error 2\)/.test(error.message)
      })
    }),
)

test('helpers of processes that were killed go with the next one', { skip: engineMissing() }, async (t) => {
  const engine = await machineEngine(t)
  let name = ''
  await inVolume(t, async ({ id }) => {
    name = (await docker(['inspect', '--format', '{{.Name}}', id])).slice(1)
    assert.match(name, /^ballast-helper\.ballast-/)
  })
  const gone = name.replace(/-(\d+)-(\d*)-/, '-2-1-')
  await docker(['create', '--name', gone, '--label', 'dev.ballast.helper=1', await helperImage(), '/helper'])
  await inVolume(t, async () => undefined)
  const left = await docker(['ps', '-aq', '--filter', `name=${gone}`])
  assert.equal(left, '')
  engine.close()
})

async function helperImage(): Promise<string> {
  const [image = ''] = (await docker(['images', '-q', 'ballast-volume-helper'])).split('\n')
  return image
}
