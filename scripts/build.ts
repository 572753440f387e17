import { execFileSync } from 'node:child_process'
import { copyFile, readFile, rename, rm } from 'node:fs/promises'
import http from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/**
 * What is installed: the runtime library as compiled, with its types; the command in few files, because each file that
 * node loads costs up to a millisecond and a short verb would need sixty. Names and lines stay readable.
 */
const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')

const SELDOM_USED = /^node:(?:child_process|crypto|stream\/consumers|tty|worker_threads|zlib)$/

/**
 * `node:crypto` takes a third of the time that node itself takes to start, the others a quarter together, and many verbs use nothing of
 * them: each is loaded when something of it is called, made or read.
 */
const whenUsed: Plugin = {
  name: 'when-used',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: SELDOM_USED }, ({ path }) => ({ path, namespace: 'when-used', sideEffects: false }))
    onLoad({ filter: /.*/, namespace: 'when-used' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== 'default')
      return {
        contents: `
          const whenUsed = (name) => {
            const found = () => process.getBuiltinModule('${path}')[name]
            return new Proxy(function () {}, {
              apply: (_, __, args) => found()(...args),
              construct: (_, args) => new (found())(...args),
              get: (_, key) => found()[key],
            })
          }
          ${names.map((name) => `export const ${name} = /* @__PURE__ */ whenUsed('${name}')`).join('\n')}`,
      }
    })
  },
}

/** To import `node:http` is to read all that it exports, and so to load the undici that node has within. */
const httpWithoutFetch: Plugin = {
  name: 'http-without-fetch',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ path }) => ({ path, namespace: 'without-fetch' }))
    onLoad({ filter: /.*/, namespace: 'without-fetch' }, ({ path }) => {
      const names = Object.entries(Object.getOwnPropertyDescriptors(http))
        .filter(([, { get }]) => get === undefined)
        .map(([name]) => name)
      return { contents: `export const { ${names.join(', ')} } = process.getBuiltinModule('${path}')` }
    })
  },
}

/**
 * Of undici, what the registry client calls: all of it is a hundred files, and takes longer to load than an embed of known
 * layers takes to run. HTTP/2, which is never asked for, would be half of what is left.
 */
const undiciInPart: Plugin = {
  name: 'undici-in-part',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'in-part' }))
    onLoad({ filter: /.*/, namespace: 'in-part' }, () => ({
      resolveDir: root,
      contents: `
        import Agent from './node_modules/undici/lib/dispatcher/agent.js'
        import ProxyAgent from './node_modules/undici/lib/dispatcher/proxy-agent.js'
        import Dispatcher from './node_modules/undici/lib/dispatcher/dispatcher.js'
        import connect from './node_modules/undici/lib/api/api-connect.js'
        import send from './node_modules/undici/lib/api/api-request.js'
        // A proxy's tunnel is asked for by it; all of undici would have put it there.
        Dispatcher.prototype.connect = connect
        export { Agent, ProxyAgent }
        export const request = ({ origin, pathname, search }, { dispatcher, ...options }) =>
          send.call(dispatcher, { ...options, origin, path: pathname + search })`,
    }))
    onLoad({ filter: /[/\\]undici[/\\]lib[/\\].*\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8'))
        .replace("require('node:http2')", '{ constants: {} }')
        // There is no such function in a module.
        .replace(/\brequire\(('node:[a-z_/]+')\)/g, 'process.getBuiltinModule($1)'),
    }))
  },
}

/** Beside its place, so that a build that is in use is whole but for an instant, and one that fails leaves it. */
const nascent = `dist-${process.pid}`
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', nascent], {
  cwd: root,
  stdio: 'inherit',
})
const common: BuildOptions = {
  absWorkingDir: root,
  // Flat, because package.json is found by its place relative to the file that asks for it.
  outdir: `${nascent}/cli`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.18',
  packages: 'external',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
}
await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  splitting: true,
  chunkNames: '[name]-[hash]',
  plugins: [whenUsed, httpWithoutFetch, undiciInPart],
})
// A thread begins with a file of its own, beside the one that starts it.
await build({
  ...common,
  entryPoints: ['src/core/hash-thread.ts', 'src/registry/server/bcrypt-thread.ts'],
  entryNames: '[name]',
})

// What is bundled comes with its terms.
await copyFile(`${root}/node_modules/undici/LICENSE`, `${root}/${nascent}/cli/undici.LICENSE`)

const former = `${nascent}-former`
await rename(`${root}/dist`, `${root}/${former}`).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'ENOENT') throw error
})
await rename(`${root}/${nascent}`, `${root}/dist`)
await rm(`${root}/${former}`, { recursive: true, force: true })
