import { readFile } from 'node:fs/promises'
import { BallastError, isSystemError } from '../../core/index.ts'
import { arrayOf, parseJson } from '../../model/index.ts'

/**
 * `registry-mirrors` of the first of Docker's `daemon.json` that is there: origins that dockerd asks before Docker Hub, and before
 * no other registry. None where nobody but root may read it. Throws REFUSED for one that cannot be understood, DISK.
 */
export async function readDockerMirrors(files: readonly string[]): Promise<readonly URL[]> {
  for (const file of files) {
    const bytes = await readFile(file).catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined
      throw error
    })
    if (bytes === undefined) continue
    const config = bytes.length === 0 ? {} : parseJson(bytes)
    if (config === undefined) throw malformed(file, 'it is not a JSON object')
    return arrayOf(config['registry-mirrors']).map((mirror) => {
      const url = typeof mirror === 'string' ? URL.parse(mirror) : null
      const extra = url && url.pathname.replace('/', '') + url.search + url.hash + url.username + url.password
      if (url !== null && extra === '' && /^https?:$/.test(url.protocol)) return url
      throw malformed(file, 'one of "registry-mirrors" is not https://HOST[:PORT]')
    })
  }
  return []
}

function malformed(file: string, why: string): BallastError {
  return new BallastError('REFUSED', `${file} cannot be understood: ${why}`, {
    hint: 'mend it; dockerd reads it too',
  })
}
