import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { imageRepositorySuite } from '../../../test/suites/image-repository.ts'
import { openStore } from '../../store/index.ts'
import { startRegistry } from '../server/start.ts'
import type { RegistryStorage } from '../server/storage.ts'
import { createStoreStorage } from '../server/store-storage.ts'
import { openRepository, type RegistryRepository } from './repository.ts'

const hosts = new WeakMap<TestContext, Promise<string>>()
let repositories = 0

/** The repositories of one test are in one registry, so that blobs can be mounted between them. */
async function repositoryOver(
  context: TestContext,
  storage: (context: TestContext) => Promise<RegistryStorage>,
): Promise<RegistryRepository> {
  const started = hosts.get(context) ?? start(context, storage)
  hosts.set(context, started)
  return openRepository({ host: await started, name: `team/app-${++repositories}`, retryDelays: [1, 1] })
}

async function start(
  context: TestContext,
  storage: (context: TestContext) => Promise<RegistryStorage>,
): Promise<string> {
  const registry = await startRegistry({
    storage: await storage(context),
    log: (line) => console.error(line),
  })
  context.after(registry.close)
  return registry.host
}

imageRepositorySuite('a repository of the embedded registry over memory', (context) =>
  repositoryOver(context, async () => createMemoryStorage()),
)

imageRepositorySuite('a repository of the embedded registry over a store', (context) =>
  repositoryOver(context, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ballast-registry-'))
    context.after(() => rm(directory, { recursive: true, force: true }))
    return createStoreStorage(await openStore(directory))
  }),
)
