import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import {
  type DockerRegistry,
  dockerRegistryMissing,
  startDockerRegistry,
} from '../../../test/doubles/docker-registry.ts'
import { imageRepositorySuite } from '../../../test/suites/image-repository.ts'
import { digestOf, isBallastError } from '../../core/index.ts'
import { openRepository } from './repository.ts'

const missing = dockerRegistryMissing()

if (missing !== undefined) test('docker-registry', { skip: missing })
else {
  describe('docker-registry', () => {
    let started: Promise<DockerRegistry | undefined> | undefined
    let repositories = 0
    after(async () => (await started)?.close())
    imageRepositorySuite('a repository of docker-registry', async () => {
      started ??= startDockerRegistry()
      const host = (await started)?.host ?? ''
      return openRepository({ host, name: `team/app-${++repositories}`, retryDelays: [1, 1] })
    })

    test('that is killed during an upload: REMOTE with a hint, and no hang', async () => {
      const registry = await startDockerRegistry()
      const data = Buffer.alloc(8_000_000, 'x')
      const content = {
        size: data.length,
        async *open() {
          yield data.subarray(0, 4_000_000)
          await registry?.kill()
          yield data.subarray(4_000_000)
        },
      }
      const repository = openRepository({ host: registry?.host ?? '', name: 'app', retryDelays: [1, 1] })
      const blob = { digest: digestOf(data), size: data.length }
      await assert.rejects(
        repository.putBlob(blob, content),
        (error) => isBallastError(error, 'REMOTE') && error.hint !== undefined,
      )
      await registry?.close()
    })
  })
}
