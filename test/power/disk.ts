import { type ChildProcess, execFile, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const RECORDER = fileURLToPath(new URL('recorder.ts', import.meta.url))
const call = promisify(execFile)

/** Why no disk can be recorded here; undefined where it can. Loop devices and FUSE are the machine's, so that it is a reason everywhere. */
export function cannotRecord(): string | undefined {
  if (process.geteuid?.() !== 0) return 'mounting a file system needs root'
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse'
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices'
  if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'mkfs.ext4 is not installed'
  return undefined
}

/** As small as possible, so that its journal is used several times over. */
const SIZE = 48 * 1024 * 1024

export async function makeFileSystem(image: string): Promise<void> {
  const handle = await open(image, 'wx')
  await handle.truncate(SIZE)
  await handle.close()
  const options = ['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-J', 'size=4', '-b', '4096']
  await call('mkfs.ext4', ['-q', '-F', '-m', '0', ...options, image])
}

export interface RecordedDisk {
  /** Where the file system is mounted. */
  readonly path: string
  /** Where its events are, whole once it is closed. */
  readonly events: string
  /** Notes a number between what the disk has been told until now and what it will be told. */
  readonly mark: (number: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** The file system of an image, on a disk that records. */
export async function recordDisk(root: string, image: string, options: string): Promise<RecordedDisk> {
  const [path, file, events] = [join(root, 'recorded'), join(root, 'disk'), join(root, 'events')]
  await mkdir(path)
  await writeFile(file, '')
  const recorder = fork(RECORDER, [image, events, file], { stdio: 'inherit' })
  const ended = once(recorder, 'exit')
  await answerOf(recorder, 'mounted')
  const undo: (() => Promise<void>)[] = [() => unmount(file)]
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
    await ended
  }
  try {
    await mountImage(file, path, options)
    undo.push(() => unmount(path))
  } catch (error) {
    await close()
    throw error
  }
  const mark = async (number: number): Promise<void> => {
    const noted = answerOf(recorder, number)
    recorder.send(number, () => {
      // That it has ended is told by `answerOf`.
    })
    await noted
  }
  return { path, events, mark, close }
}

/** By a loop device of its own: `mount -o loop` takes one that has the image already, which may remember blocks of the former cut. */
export async function mountImage(image: string, path: string, options: string): Promise<void> {
  const device = (await call('losetup', ['--find', '--show', image])).stdout.trim()
  try {
    await call('mount', ['-t', 'ext4', ...(options === '' ? [] : ['-o', options]), device, path])
  } finally {
    // The device goes with the last who has it open: with the mount.
    await call('losetup', ['--detach', device])
  }
}

/** Takes what is written to it, and goes with it when it is unmounted. */
export async function mountMemory(path: string): Promise<void> {
  await call('mount', ['-t', 'tmpfs', '-o', 'size=2g,mode=700', 'tmpfs', path])
}

export async function unmount(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { status, stderr } = spawnSync('umount', [path])
    if (status === 0) return
    if (attempt === 50) throw new Error(`umount ${path}: ${stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function answerOf(recorder: ChildProcess, answer: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      recorder.off('message', heard).off('exit', gone)
      if (error === undefined) resolve()
      else reject(error)
    }
    const heard = (message: unknown): void => {
      if (message === answer) settle()
    }
    const gone = (code: number | null): void => settle(new Error(`the recorder ended with ${code}`))
    recorder.on('message', heard).on('exit', gone)
  })
}
