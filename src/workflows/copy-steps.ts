import { posix } from 'node:path'
import { isAtOrBelow } from './run-request.ts'

/**
 * Which lines of a Dockerfile put files at the path, told by an image's history, oldest first: what to do about each,
 * for people. Copies to relative paths are followed through WORKDIR.
 */
export function copySteps(lines: readonly string[], path: string): readonly string[] {
  let directory = '/'
  const changes: string[] = []
  for (const line of lines) {
    const [, workdir] = /^WORKDIR\s+(\S+)$/.exec(line) ?? []
    if (workdir !== undefined) directory = posix.resolve(directory, workdir)
    const [, destination] = /^(?:COPY|ADD)\s.*?(\S+)$/.exec(line) ?? []
    if (destination === undefined) continue
    const to = posix.resolve(directory, destination)
    if (isAtOrBelow(to, path)) changes.push(`delete the line \`${line}\``)
    else if (isAtOrBelow(path, to)) {
      changes.push(`keep the model out of \`${line}\` by naming its directory in .dockerignore`)
    }
  }
  return changes
}
