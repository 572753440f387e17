import { execFile } from 'node:child_process'
import { rmdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { BallastError, isSystemError, makeDirectory } from '../../core/index.ts'
import { mountAt } from './mountinfo.ts'

const run = promisify(execFile)
const DIRECTORY_MODE = 0o755

/**
 * Makes what is below `source` readable, and nothing more, at `target`. The hard links of a tree may be reached by root
 * in a container only like this. Throws REFUSED where the kernel or its rights do not allow it.
 */
export async function bindReadOnly(source: string, target: string): Promise<void> {
  await makeDirectory(target, DIRECTORY_MODE)
  await mountCommand(['--bind', '-o', 'ro,nosuid,nodev', source, target])
  // Two calls to the kernel are behind it; a mount that can be written to is never handed out.
  if ((await mountAt(target))?.options.includes('ro') === true) return
  await detach(target)
  throw new BallastError('REFUSED', `${target} could not be made read-only`, {
    hint: 'the mount program of this host ignores `mount --bind -o ro`; install util-linux',
  })
}

/** Paths are relative to `cwd`: in the options of an overlay, `:` and `,` mean something. */
export async function mountOverlay(
  { lower, upper, work, cwd }: Record<'lower' | 'upper' | 'work' | 'cwd', string>,
  target: string,
): Promise<void> {
  await makeDirectory(target, DIRECTORY_MODE)
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},nosuid,nodev`
  await mountCommand(['-t', 'overlay', '-o', options, 'ballast', target], cwd)
}

/**
 * Takes away what is mounted there, and the directory, so that nobody finds it empty. What runs with it keeps it. Nothing
 * there is no failure.
 */
export async function detach(target: string): Promise<void> {
  while ((await mountAt(target)) !== undefined) {
    await run('umount', ['-l', '--', target]).catch(async (error: unknown) => {
      if ((await mountAt(target)) !== undefined) throw refused(error)
    })
  }
  await rmdir(target).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTEMPTY')) throw error
  })
}

async function mountCommand(args: readonly string[], cwd?: string): Promise<void> {
  await run('mount', args, { cwd }).catch((error: unknown) => {
    throw refused(error)
  })
}

function refused(error: unknown): BallastError {
  const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string }
  return new BallastError('REFUSED', `the kernel refuses the mount: ${stderr.trim() || message}`, {
    cause: error,
    hint: 'the plugin has to run as root, and not in a sandbox that forbids mounting',
  })
}
