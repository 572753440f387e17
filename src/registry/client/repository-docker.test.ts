import { after, describe, test } from 'node:test'
import {
  type DockerRegistry,
  dockerRegistryMissing,
  startDockerRegistry,
} from '../../../test/doubles/docker-registry.ts'
import { imageRepositorySuite } from '../../../test/suites/image-repository.ts'
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
  })
}
