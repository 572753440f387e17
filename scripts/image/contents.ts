import { execFile } from 'node:child_process'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Entry } from './layer.ts'

const run = promisify(execFile)

/** As images without a distribution have it: not root, and known by a number, which `runAsNonRoot` can check. */
export const USER = 65_532
export const HOME = '/home/ballast'
/** Where volumes of models are mounted. */
const MODELS = '/models'
export const NODE = '/usr/bin/node'
export const COMMAND = '/usr/lib/ballast/bin/ballast.cjs'

/** What Node.js needs: its program with the libraries that it is linked to, where the loader looks for them. */
export async function systemEntries(): Promise<readonly Entry[]> {
  const { stdout } = await run('ldd', [process.execPath])
  const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)
  const program = { path: NODE.slice(1), data: await readFile(await realpath(process.execPath)), mode: 0o755 }
  const linked = libraries.map(async (path) => ({
    path: path.slice(1),
    data: await readFile(path),
    mode: 0o755,
  }))
  return [
    program,
    ...(await Promise.all(linked)),
    { path: 'etc/passwd', data: `root:x:0:0::/:/bin/false\nballast:x:${USER}:${USER}::${HOME}:/bin/false\n` },
    { path: 'etc/group', data: `root:x:0:\nballast:x:${USER}:\n` },
    { path: 'etc/nsswitch.conf', data: 'hosts: files dns\n' },
    { path: HOME.slice(1), owner: USER },
    // An empty volume that is mounted here becomes that user's.
    { path: MODELS.slice(1), owner: USER },
    { path: 'tmp', mode: 0o1777 },
  ]
}

/** The bundled command, as `bundleWhole` leaves it in `bundle`. */
export async function commandEntries(root: string, bundle: string): Promise<readonly Entry[]> {
  const place = COMMAND.slice(1).split('/').slice(0, -2).join('/')
  const files = (await readdir(bundle)).sort()
  const entry = async (path: string, from: string): Promise<Entry> => ({
    path: `${place}/${path}`,
    data: await readFile(from),
  })
  return Promise.all([
    entry('bin/ballast.cjs', join(root, 'bin/ballast.cjs')),
    entry('package.json', join(root, 'package.json')),
    entry('LICENSE', join(root, 'LICENSE')),
    ...files.map((file) => entry(`dist/cli/${file}`, join(bundle, file))),
  ])
}
