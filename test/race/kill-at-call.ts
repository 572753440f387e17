import fs from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Loaded into the command with `--import`. Counts the calls that change the disk, and kills the process with SIGKILL
 * right before call number BALLAST_KILL_AT: a random instant would nearly always hit the long phases (start-up,
 * copying), hardly ever the step between one rename and the next. Without the number, the count of a whole run is
 * written to the file BALLAST_CALLS_FILE.
 */
const killAt = Number(process.env.BALLAST_KILL_AT ?? 0)
const countFile = process.env.BALLAST_CALLS_FILE
let calls = 0

function count(): void {
  calls++
  if (calls === killAt) process.kill(process.pid, 'SIGKILL')
}

// biome-ignore lint/complexity/noBannedTypes: any method of the module
type Methods = Record<string, Function>

function wrap(object: Methods, names: readonly string[]): void {
  for (const name of names) {
    const original = object[name]
    if (original === undefined) continue
    object[name] = function counted(this: unknown, ...args: unknown[]): unknown {
      count()
      return Reflect.apply(original, this, args)
    }
  }
}

const CHANGING = [
  'appendFile',
  'chmod',
  'copyFile',
  'link',
  'mkdir',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'unlink',
  'utimes',
  'writeFile',
]

const { open } = promises
const handle: FileHandle = await open(new URL(import.meta.url), 'r')
wrap(Object.getPrototypeOf(handle) as Methods, ['chmod', 'sync', 'utimes', 'write', 'writeFile'])
await handle.close()
wrap(promises as unknown as Methods, CHANGING)
promises.open = function countedOpen(path, flags, ...rest) {
  if (flags !== undefined && flags !== 'r') count()
  return Reflect.apply(open, promises, [path, flags, ...rest])
} as typeof open
syncBuiltinESMExports()

process.on('exit', () => {
  if (countFile !== undefined) fs.writeFileSync(countFile, `${calls}`)
})
