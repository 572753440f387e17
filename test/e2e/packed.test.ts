import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/

interface Failure {
  readonly code?: number | string
  readonly stdout: string
  readonly stderr: string
}

test('what npm packs installs without the clone, runs, and refuses an old Node.js in words', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'ballast-packed-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const archive = await pack(root)
  const contents = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n')
  assert.ok(contents.includes('package/bin/ballast.cjs'))
  assert.ok(contents.includes('package/dist/cli/main.js'))
  const unwanted = contents.filter((path) => /\.test\.|\/src\/|(?<!\.d)\.ts$/.test(path))
  assert.deepEqual(unwanted, [])

  const prefix = join(root, 'prefix')
  const installed = await install(archive, prefix)
  if (installed !== undefined) return t.skip(installed)
  const command = join(prefix, 'bin', 'ballast')
  // Nothing of the clone within reach: another directory, and a PATH that begins with the Node.js of this test.
  const env = {
    PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    HOME: root,
    BALLAST_STORE: join(root, 'store'),
  }
  const run = async (...args: string[]): Promise<string> =>
    (await execute(command, args, { cwd: root, env })).stdout

  assert.match(await run('--version'), /^\d+\.\d+\.\d+\n$/)
  await mkdir(join(root, 'models'))
  await writeFile(join(root, 'models', 'weights.bin'), 'weights')
  const added = JSON.parse(await run('add', 'sentiment', './models', '--json')) as { ref: string }
  assert.equal(added.ref, 'sentiment:1')
  assert.match(await run('list'), /^sentiment:1 +latest/m)
  await run('mount', 'sentiment', './mounted')
  assert.match(await run('check', './mounted', '--full'), /^ok/)

  await t.test('an old Node.js', (inner) => assertRefusesOldNode(inner, command))
})

/** From a copy, because packing in the clone would build there, under the feet of other tests. */
async function pack(root: string): Promise<string> {
  const copy = join(root, 'copy')
  await mkdir(copy)
  const names = ['src', 'bin', 'scripts', 'LICENSE', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
  for (const name of names) {
    await cp(join(REPOSITORY, name), join(copy, name), { recursive: true })
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'))
  await execute(process.execPath, [join('scripts', 'build.ts')], { cwd: copy })
  const options = { cwd: copy, env: npmEnvironment(root) }
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', root], options)
  const archive = (await readdir(root)).find((name) => name.endsWith('.tgz'))
  assert.ok(archive, 'npm pack makes an archive')
  return join(root, archive)
}

/** Why it cannot be installed here; undefined once it is. */
async function install(archive: string, prefix: string): Promise<string | undefined> {
  const args = ['install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', archive]
  try {
    await execute('npm', args, { env: npmEnvironment(dirname(archive)), timeout: 120_000 })
    return undefined
  } catch (error) {
    const { stderr } = error as Failure
    if (!process.env.BALLAST_REQUIRE_PARTS && UNREACHABLE.test(stderr))
      return 'the npm registry cannot be reached, and the dependencies come from there'
    throw error
  }
}

/** Without what `npm test` tells its children about this package. */
function npmEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(?:registry|userconfig|cache|https?_proxy|proxy|cafile))/i.test(name),
  )
  return { ...Object.fromEntries(kept), npm_config_update_notifier: 'false', INIT_CWD: home }
}

async function assertRefusesOldNode(t: TestContext, command: string): Promise<void> {
  const old = findOldNode()
  if (old === undefined) return t.skip('no Node.js older than 22.18 on this machine')
  const failure = await execute(old.path, [command, 'list']).then(
    () => assert.fail(`Node.js ${old.version} ran it`),
    (error: unknown) => error as Failure,
  )
  assert.equal(failure.code, 2)
  assert.equal(failure.stdout, '')
  assert.ok(failure.stderr.includes(`Node.js ${old.version} is too old`), failure.stderr)
  assert.match(failure.stderr, /22\.18 or newer/)
  assert.doesNotMatch(failure.stderr, /SyntaxError| {4}at /)
}

function findOldNode(): { readonly path: string; readonly version: string } | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  for (const directory of directories) {
    const path = join(directory, 'node')
    try {
      const version = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim()
      const [major = 0, minor = 0] = version.split('.').map(Number)
      if (major < 22 || (major === 22 && minor < 18)) return { path, version }
    } catch {
      // No Node.js there.
    }
  }
  return undefined
}
