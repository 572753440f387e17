import { parseName, parseTag, type RepositoryName } from '../../src/model/index.ts'
import { createStoreStorage, type RunningRegistry, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import type { Random } from '../fixtures/random.ts'
import { addVersion } from '../fixtures/store.ts'

/** A registry with versions of one model, whose tags move, and which may be out of reach. */
export interface Source {
  readonly host: string
  readonly model: RepositoryName
  readonly digests: readonly string[]
  readonly moveTag: (tag: string, version: number) => Promise<void>
  readonly goAway: () => Promise<void>
  readonly comeBack: () => Promise<void>
}

/** The files of every version; all of them begin with its stamp. */
export const FILES: readonly string[] = ['a.bin', 'b.bin', 'c.bin']

export async function startSource(
  directory: string,
  { versions, size, random }: { readonly versions: number; readonly size: number; readonly random: Random },
): Promise<Source> {
  const store = await openStore(directory)
  const model = parseName('sentiment')
  const digests: string[] = []
  for (let at = 0; at < versions; at++) {
    const stamp = Buffer.from(`version ${at}\n`)
    const file = (): Buffer => Buffer.concat([stamp, random.bytes(Math.floor(size / FILES.length))])
    const contents = Object.fromEntries(FILES.map((name) => [name, file()]))
    digests.push((await addVersion(store, `${model}:newest`, contents)).version.digest)
  }
  let running: RunningRegistry | undefined
  let port = 0
  const comeBack = async (): Promise<void> => {
    running ??= await startRegistry({ storage: createStoreStorage(store), listen: { port } })
    port = Number(running.host.split(':')[1])
  }
  await comeBack()
  return {
    host: `127.0.0.1:${port}`,
    model,
    digests,
    async moveTag(tag, version) {
      await using session = await store.begin()
      const digest = (await store.records.listVersions(model))[version]?.digest
      if (digest === undefined) throw new Error(`there is no version ${version}`)
      await store.records.moveTag(session, model, parseTag(tag), { digest, kind: 'model', by: 'tag' })
    },
    async goAway() {
      const gone = running
      running = undefined
      await gone?.close()
    },
    comeBack,
  }
}
