import { build, type Plugin } from 'esbuild'

/** CommonJS packages ask for node's own modules by `require`, which a module has not got. */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

/** What `import()` gives of a CommonJS package has its names in node, and would have only `default` in a bundle. */
const namesOfPackages: Plugin = {
  name: 'names-of-packages',
  setup({ onResolve, onLoad, initialOptions: { absWorkingDir = '' } }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'dynamic-import' && !path.startsWith('node:') ? { path, namespace: 'named' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'named' }, async ({ path }) => {
      const names = Object.keys((await import(path)) as object).filter((name) =>
        /^(?!default$)[\w$]+$/.test(name),
      )
      const exported = names.map((name) => `export const ${name} = all.${name}`)
      return {
        resolveDir: absWorkingDir,
        contents: [`import * as all from '${path}'`, ...exported].join('\n'),
      }
    })
  },
}

/** The command with all that it may load, SDKs of buckets included: in an image nothing is installed beside it. */
export async function bundleWhole(root: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/cli/main.ts', 'hash-thread': 'src/core/hash-thread.ts' },
    outdir,
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    plugins: [namesOfPackages],
    banner: { js: REQUIRE },
    minifyWhitespace: true,
    keepNames: true,
    logLevel: 'warning',
  })
}
