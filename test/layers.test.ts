import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './fixtures/temporary.ts'

/**
 * The areas that each area may import. An area may be understood, tested and replaced with those below it alone;
 * whoever needs an import that is not here wants either another area or a port that is passed in.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  tar: ['core'],
  model: ['core'],
  formats: ['core', 'model'],
  scan: ['core', 'tar', 'model', 'formats'],
  advise: ['core'],
  trust: ['core', 'model'],
  policy: ['core', 'model'],
  http: ['core'],
  store: ['core', 'tar', 'model'],
  fetch: ['core', 'http', 'store'],
  buckets: ['core', 'http'],
  oci: ['core', 'tar', 'model'],
  registry: ['core', 'http', 'model', 'store', 'oci'],
  sources: ['core', 'http', 'tar', 'model', 'store', 'buckets'],
  remotes: ['core', 'http', 'model', 'store', 'buckets', 'oci'],
  docker: ['core', 'tar', 'model', 'oci'],
  embed: ['core', 'model', 'store', 'oci', 'registry', 'docker'],
  mount: ['core', 'tar', 'model', 'formats', 'store', 'docker'],
  reload: ['core', 'tar', 'model', 'docker'],
  workflows: [
    'core',
    'http',
    'tar',
    'model',
    'formats',
    'scan',
    'advise',
    'trust',
    'policy',
    'store',
    'fetch',
    'oci',
    'buckets',
    'registry',
    'remotes',
    'sources',
    'docker',
    'embed',
    'mount',
    'reload',
  ],
  serve: [
    'core',
    'http',
    'model',
    'store',
    'oci',
    'registry',
    'sources',
    'docker',
    'embed',
    'mount',
    'workflows',
  ],
  cli: [
    'core',
    'http',
    'model',
    'formats',
    'advise',
    'trust',
    'store',
    'oci',
    'buckets',
    'registry',
    'remotes',
    'sources',
    'docker',
    'embed',
    'mount',
    'workflows',
    'serve',
    'runtime',
  ],
  runtime: [],
}

/** Each verb's workflow is a file of its own that a command loads when it runs, so there is no index to load them all. */
const WITHOUT_INDEX = ['workflows']

/** Packages other than node's own. Whatever is not here comes with a reason. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  cli: ['commander'],
  http: ['undici'],
  // The services' own clients, each loaded when an address of its kind is used. They read their users' environment and files
  // by themselves (AWS_…, GOOGLE_APPLICATION_CREDENTIALS, az login): that is their convention, and no parameter of ours.
  buckets: ['@aws-sdk/client-s3', '@google-cloud/storage', '@azure/storage-blob', '@azure/identity'],
  // Files as htpasswd -B writes them: node has no bcrypt. Loaded by a thread that lives while one password is tried.
  // registries.conf is TOML. Loaded where there is one.
  registry: ['bcryptjs', 'smol-toml'],
  // ballast.yaml, and the files of Compose beside it.
  model: ['yaml'],
  // Sigstore's own verifier, for certificates and logs, and what cosign's keys need that node has not: the cipher of its
  // files, and Ed25519ph. Each is loaded when it is used.
  trust: [
    '@noble/ciphers/salsa.js',
    '@noble/curves/ed25519.js',
    '@sigstore/bundle',
    '@sigstore/protobuf-specs',
    '@sigstore/verify',
  ],
  // Certificates for an identity, from services of others.
  workflows: ['@sigstore/bundle', '@sigstore/protobuf-specs', '@sigstore/sign'],
}

/** What a pure area may have of node: computing, no files, sockets, processes or clocks. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  model: ['node:crypto', 'node:path', 'node:zlib'],
  advise: [],
  trust: ['node:crypto', 'node:util'],
  policy: [],
}

const READS_ENVIRONMENT = ['cli']

const source = fileURLToPath(new URL('../src', import.meta.url))

test('areas import only what is below them', async () => {
  assert.deepEqual(await violations(source), [])
})

test('every area stands in the table', async () => {
  const areas = (await readdir(source, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  assert.deepEqual(
    areas.map(({ name }) => name).filter((name) => MAY_IMPORT[name] === undefined),
    [],
  )
})

test('the table itself has no cycle', () => {
  assert.deepEqual(cyclesIn(new Map(Object.entries(MAY_IMPORT))), [])
})

test('planted violations are found, and nothing else', async (t) => {
  const root = await temporaryDirectory(t)
  await plant(root, {
    'core/index.ts': "export * from './a.ts'",
    'core/a.ts': "import { b } from './b.ts'\nimport { version } from '../model/index.ts'",
    'core/b.ts': "import { a } from './a.ts'",
    'model/index.ts': "import { readFile } from 'node:fs/promises'\nexport const key = process.env.KEY",
    'store/index.ts': "import type { Secret } from '../model/secret.ts'",
    'store/log.ts': "// process.env is read in cli\nimport { core } from '../core/index.ts'",
    'store/log.test.ts': "import { follow } from '../workflows/mount.ts'",
    'mount/index.ts': "export { run } from\n  '../workflows/mount.ts'",
    'workflows/mount.ts': "const lazily = () => import('../cli/main.ts')\nimport 'left-pad'",
    'cli/main.ts': "import { mount } from '../workflows/mount.ts'\nconsole.log(process.argv)",
    'runtime/index.ts': "import { digest } from '../core/index.ts'\nimport { watch } from 'node:fs'",
    'helpers/index.ts': "import { core } from '../core/index.ts'",
  })
  assert.deepEqual((await violations(root)).map((line) => line.split(' (')[0]).sort(), [
    'cli/main.ts -> workflows/mount.ts -> cli/main.ts: a cycle of imports',
    'core/a.ts -> core/b.ts -> core/a.ts: a cycle of imports',
    'core/a.ts: core may not import model',
    'helpers/index.ts: helpers is not an area of this table',
    'model/index.ts: model is pure, and node:fs/promises is not',
    'model/index.ts: only cli reads process.env and process.argv',
    'mount/index.ts: mount may not import workflows',
    'runtime/index.ts: runtime may not import core',
    'store/index.ts: reach model through model/index.ts',
    'workflows/mount.ts: workflows may not import cli',
    'workflows/mount.ts: workflows may not use left-pad',
  ])
})

/** Statements begin a line, as the formatter leaves them; anything between `import` and `from` is names and braces. */
const IMPORTS = [
  /^(?:import|export)\s[^'"`;=]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
]
const TYPE_IMPORT = /^(?:import|export)\s+type\s[^'"`;=]*?\bfrom\s*['"]([^'"]+)['"]/gm

/** One line a violation, with the reason for the rule. */
async function violations(root: string): Promise<readonly string[]> {
  const found: string[] = []
  const graph = new Map<string, readonly string[]>()
  for (const file of await sourceFiles(root)) {
    const code = withoutComments(await readFile(join(root, file), 'utf8'))
    const imports = IMPORTS.flatMap((pattern) =>
      [...code.matchAll(pattern)].map((match) => match[1] as string),
    )
    const ofTypes = new Set([...code.matchAll(TYPE_IMPORT)].map((match) => match[1]))
    const local = imports.filter((name) => name.startsWith('.') && !ofTypes.has(name))
    graph.set(
      file,
      local.map((name) => posix.join(posix.dirname(file), name)),
    )
    found.push(...new Set(imports.flatMap((name) => whyNot(file, name) ?? [])))
    if (!READS_ENVIRONMENT.includes(areaOf(file)) && /\bprocess\s*\.\s*(?:env|argv)\b/.test(code)) {
      found.push(
        `${file}: only cli reads process.env and process.argv (elsewhere they would be hidden parameters)`,
      )
    }
  }
  return [
    ...found,
    ...cyclesIn(graph).map((cycle) => `${cycle}: a cycle of imports (nothing in it can stand alone)`),
  ]
}

function whyNot(file: string, name: string): string | undefined {
  const area = areaOf(file)
  const allowed = MAY_IMPORT[area]
  if (allowed === undefined) return `${file}: ${area} is not an area of this table (design 7 names them)`
  if (!name.startsWith('.')) return whyNotPackage(file, name)
  const target = posix.join(posix.dirname(file), name)
  const to = areaOf(target)
  if (to === area) return undefined
  if (!allowed.includes(to)) {
    return `${file}: ${area} may not import ${to} (it may import ${allowed.join(', ') || 'no other area'})`
  }
  if (target === `${to}/index.ts` || WITHOUT_INDEX.includes(to)) return undefined
  return `${file}: reach ${to} through ${to}/index.ts (what is behind it may change without asking)`
}

function whyNotPackage(file: string, name: string): string | undefined {
  const area = areaOf(file)
  if (!name.startsWith('node:')) {
    if (MAY_USE[area]?.includes(name)) return undefined
    return `${file}: ${area} may not use ${name} (the table says which area needs which package)`
  }
  if (PURE[area] === undefined || PURE[area].includes(name)) return undefined
  return `${file}: ${area} is pure, and ${name} is not (whoever uses it may rely on no I/O)`
}

async function sourceFiles(root: string): Promise<readonly string[]> {
  const files = (await readdir(root, { recursive: true })).map((file) => file.replaceAll('\\', '/'))
  return files.filter((file) => /(?<!\.test)\.ts$/.test(file)).sort()
}

function areaOf(file: string): string {
  return file.slice(0, file.indexOf('/'))
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** Each cycle once, as `a -> b -> a`. */
function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (node: string, path: readonly string[]): void => {
    const at = path.indexOf(node)
    if (at >= 0) cycles.push([...path.slice(at), node].join(' -> '))
    if (at >= 0 || done.has(node)) return
    for (const next of graph.get(node) ?? []) visit(next, [...path, node])
    done.add(node)
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}

async function plant(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), `${text}\n`)
  }
}
