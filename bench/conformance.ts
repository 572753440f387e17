import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { run, withDirectory } from './harness.ts'
import { startBallastRegistry } from './registry.ts'

/** The suite of the specification's main branch, as the Go module proxy has it. */
const MODULE = 'github.com/opencontainers/distribution-spec/conformance'
const VERSION = 'v0.0.0-20260831232431-97274622c111'

const LOGIN = { username: 'ann', password: 'conformance' }

const bench: Bench<'main' | 'v1.1.1'> = {
  title: 'The conformance suites of the OCI distribution specification',
  method:
    'Each suite against `ballast serve --registry` over an empty store: that of the main branch, with what is not yet ' +
    'released (OCI_VERSION=dev), without a login and with tokens; and that of v1.1.1, which skips what it is not told of.',
  parameters: {
    main: { fallback: 'build', what: `the program, else ${MODULE}@${VERSION} is built; needs Go` },
    'v1.1.1': { fallback: 'none', what: 'the program: go test -c, in conformance/ of a clone at v1.1.1' },
  },
  measure: ({ main, 'v1.1.1': old }) =>
    withDirectory(async (directory) => {
      const program = main === 'build' ? await build(directory) : main
      const rows = [
        await withRegistry(join(directory, 'open'), [], (host) => runMain(program, { host, directory })),
        await withTokens(directory, (host) => runMain(program, { host, directory, login: LOGIN })),
        ...(old === 'none'
          ? []
          : [await withRegistry(join(directory, 'old'), [], (host) => runOld(old, { host, directory }))]),
      ]
      const failed = rows.reduce((sum, row) => sum + row.failed, 0)
      return {
        rows: rows.map((row) => ({ ...row })),
        bounds: [{ what: 'failures', value: failed, atMost: 0 }],
      }
    }),
}

interface Row {
  readonly suite: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

async function build(directory: string): Promise<string> {
  await run('go', ['install', `${MODULE}@${VERSION}`], { env: { ...process.env, GOBIN: directory } })
  return join(directory, 'conformance')
}

interface Target {
  readonly host: string
  readonly directory: string
  readonly login?: typeof LOGIN
}

async function runMain(program: string, { host, directory, login }: Target): Promise<Row> {
  const output = await outputOf(program, directory, {
    OCI_REGISTRY: host,
    OCI_TLS: 'disabled',
    OCI_VERSION: 'dev',
    OCI_RESULTS_DIR: join(directory, 'results'),
    ...(login && { OCI_USERNAME: login.username, OCI_PASSWORD: login.password }),
  })
  const count = (name: string): number => countIn(output, new RegExp(`^ +${name}\\.+: +(\\d+)`, 'm'))
  const suite = login === undefined ? 'main' : 'main, with tokens'
  return { suite, passed: count('Pass'), failed: count('FAIL') + count('Error'), skipped: count('Skip') }
}

async function runOld(program: string, { host, directory }: Target): Promise<Row> {
  const workflows = ['PULL', 'PUSH', 'CONTENT_DISCOVERY', 'CONTENT_MANAGEMENT']
  const output = await outputOf(program, directory, {
    OCI_ROOT_URL: `http://${host}`,
    OCI_NAMESPACE: 'conformance/one',
    OCI_CROSSMOUNT_NAMESPACE: 'conformance/two',
    OCI_REPORT_DIR: directory,
    ...Object.fromEntries(workflows.map((name) => [`OCI_TEST_${name}`, '1'])),
  })
  const count = (name: string): number => countIn(output, new RegExp(`(\\d+) ${name}`))
  return {
    suite: 'v1.1.1',
    passed: count('Passed'),
    failed: count('Failed'),
    skipped: count('Skipped'),
  }
}

/** Whatever it ends with: that is what its output tells. */
async function outputOf(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(program, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child, 'close')
  // Of a terminal's colours.
  return output.replaceAll(/\u001b\[[\d;]*m/g, '')
}

function countIn(output: string, pattern: RegExp): number {
  const [, count] = pattern.exec(output) ?? []
  if (count === undefined) throw new Error(`the suite says nothing of ${pattern}:\n${output.slice(-2000)}`)
  return Number(count)
}

async function withTokens(directory: string, work: (host: string) => Promise<Row>): Promise<Row> {
  const credentials = join(directory, 'login')
  await writeFile(credentials, `${LOGIN.username}:${LOGIN.password}\n`, { mode: 0o600 })
  return withRegistry(join(directory, 'tokens'), ['--credentials', credentials, '--token-auth'], work)
}

async function withRegistry(
  store: string,
  options: readonly string[],
  work: (host: string) => Promise<Row>,
): Promise<Row> {
  const { url, close } = await startBallastRegistry(store, options)
  try {
    return await work(new URL(url).host)
  } finally {
    await close()
  }
}

await runBench(bench)
