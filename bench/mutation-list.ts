/** One change that a careless hand could make in the write path, and the tests that must notice it. */
export interface Mutation {
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly text: string
  readonly replacement: string
  /** What it would cost a user. */
  readonly why: string
  readonly tests: readonly MutationTest[]
}

export interface MutationTest {
  readonly file: string
  /** Only tests whose names match. */
  readonly pattern?: string
  readonly env?: Readonly<Record<string, string>>
}

const order = (pattern: string): MutationTest => ({ file: 'test/order/order.test.ts', pattern })
const interleavings: MutationTest = {
  file: 'test/race/interleavings.test.ts',
  env: { BALLAST_SEED: 'mutations', BALLAST_INTERLEAVINGS: '900' },
}
const blobs: MutationTest = { file: 'src/store/blobs.test.ts' }

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a record is named before it is synced',
    file: 'src/core/durable-file.ts',
    text: '      await handle.sync()\n',
    replacement: '',
    why: 'after a loss of power a tag may be an empty file',
    tests: [order('add, which makes the store')],
  },
  {
    name: 'a blob is named before it is synced',
    file: 'src/store/blob-file.ts',
    text: '  await handle.sync()\n',
    replacement: '',
    why: 'after a loss of power a version may hold zeros',
    tests: [order('add, which makes the store')],
  },
  {
    name: 'a directory is not synced',
    file: 'src/core/directories.ts',
    text: 'await named(path, () => handle.sync())',
    replacement: 'await named(path, async () => undefined)',
    why: 'what was reported as stored may have no name after a loss of power',
    tests: [order('add, which makes the store')],
  },
  {
    name: 'the directory is synced before the blob has its name',
    file: 'src/store/blobs.ts',
    text: '    await rename(temporary, pathOf(blob.digest))\n    await syncBlobs()\n',
    replacement: '    await syncBlobs()\n    await rename(temporary, pathOf(blob.digest))\n',
    why: 'a tag may outlive the blobs that it leads to',
    tests: [order('add, which makes the store')],
  },
  {
    name: 'a blob that another one has just named is relied on without a sync',
    file: 'src/store/blobs.ts',
    text: '      await syncBlobs()\n      return true\n',
    replacement: '      return true\n',
    why: 'a second add may report what only the first one would have made durable',
    tests: [order('add of one file')],
  },
  {
    name: 'a blob is looked for before it is leased',
    file: 'src/store/blobs.ts',
    text: '    await session.lease([blob.digest])\n    if (await isIntact(blob)) {\n',
    replacement:
      '    const isThere = await isIntact(blob)\n    await session.lease([blob.digest])\n    if (isThere) {\n',
    why: 'a gc in between removes what the add has found',
    tests: [interleavings],
  },
  {
    name: 'gc works before it has announced itself',
    file: 'src/store/gc.ts',
    text: '  const report = await withLock(layout.gcLock, lock, () => sweep(parts, { ...options, session }))\n',
    replacement:
      '  const report = await sweep(parts, { ...options, session })\n  await withLock(layout.gcLock, lock, async () => undefined)\n',
    why: 'a lease that is taken meanwhile is not seen',
    tests: [interleavings],
  },
  {
    name: 'gc reads the tags before the leases',
    file: 'src/store/gc.ts',
    text: '  const { leased, abandoned } = await scanSessions(parts.layout, { patience })\n  const reachable = await readReachable(parts)\n',
    replacement:
      '  const reachable = await readReachable(parts)\n  const { leased, abandoned } = await scanSessions(parts.layout, { patience })\n',
    why: 'what is published in between, and then leased no more, is removed',
    tests: [interleavings],
  },
  {
    name: 'gc removes files before the manifests that name them',
    file: 'src/store/sweep.ts',
    text: '  for (const level of manifests.reverse()) await removeForGood(parts, level, options)\n  await sweepDerived(parts, live)\n  await createAliases(parts.layout).sweep(live)\n  await removeForGood(parts, others, options)\n',
    replacement:
      '  await removeForGood(parts, others, options)\n  for (const level of manifests.reverse()) await removeForGood(parts, level, options)\n  await sweepDerived(parts, live)\n  await createAliases(parts.layout).sweep(live)\n',
    why: 'a gc that is killed leaves manifests without their files',
    tests: [{ file: 'src/store/gc.test.ts', pattern: 'manifests go before' }],
  },
  {
    name: 'the digest that was expected is not compared',
    file: 'src/store/blob-file.ts',
    text: '  if (expected.digest !== undefined && expected.digest !== digest) {\n',
    replacement: "  if (expected.digest === 'sha256:' && expected.digest !== digest) {\n",
    why: 'a push of wrong bytes is accepted',
    tests: [blobs],
  },
  {
    name: 'the next record is made with rename instead of link',
    file: 'src/core/durable-file.ts',
    text: '    await link(temporary, path)\n',
    replacement: '    await rename(temporary, path)\n',
    why: 'of two who move a tag at once, one is lost',
    tests: [{ file: 'src/core/durable-file.test.ts' }, { file: 'src/store/log.test.ts' }],
  },
  {
    name: 'a record is made from the log as it was at first',
    file: 'src/store/log.ts',
    text: '  for (;;) {\n    const log = viewOf<T>(directory, options.memory)\n    const records = await next(log)\n',
    replacement:
      '  const records = await next(viewOf<T>(directory, options.memory))\n  for (;;) {\n    const log = viewOf<T>(directory, options.memory)\n    await log.head()\n',
    why: 'a rollback that had to look again goes to what is not the former version any more',
    tests: [{ file: 'src/store/log.test.ts' }],
  },
  {
    name: 'the tag moves before the manifest is there',
    file: 'src/workflows/add.ts',
    text: '  await store.blobs.ingest(session, bytesContent(config).open(), {\n',
    replacement:
      "  await pointTag(store, session, { name: reference.name, tag: reference.tag ?? LATEST, digest: version.digest, by: 'add' })\n  await store.blobs.ingest(session, bytesContent(config).open(), {\n",
    why: 'an add that is killed leaves a tag that leads nowhere',
    tests: [order('add, which makes the store')],
  },
  {
    name: 'moved files are removed before the tag moves',
    file: 'src/workflows/add.ts',
    text: '  const stored = await storeFiles(store, { session, files }, { ...options, move, known })\n',
    replacement:
      '  const stored = await storeFiles(store, { session, files }, { ...options, move, known })\n  if (move) await removeMoved(files)\n',
    why: 'an add --move that is killed leaves the files nowhere',
    tests: [order('add --move')],
  },
  {
    name: 'a short write is taken for a whole one',
    file: 'src/core/durable-file.ts',
    text: '    done += bytesWritten\n',
    replacement: '    done += Math.max(bytesWritten, length)\n',
    why: 'files end in the middle where the disk takes less at once',
    tests: [{ file: 'src/core/hashed-copy.test.ts' }, { file: 'src/core/durable-file.test.ts' }],
  },
  {
    name: 'a blob is stamped as verified without being hashed',
    file: 'src/store/blobs.ts',
    text: "    const found = known === undefined ? await rehash({ ...blob, size: info.size }) : 'damaged'\n",
    replacement:
      "    if (known === undefined) await stampVerified(pathOf(blob.digest))\n    const found = known === undefined ? ('intact' as string) : 'damaged'\n",
    why: 'damage is handed on, and never found again',
    tests: [blobs],
  },
  {
    name: 'blobs can be written to by their owner',
    file: 'src/store/blob-file.ts',
    text: 'const BLOB_MODE = 0o444\n',
    replacement: 'const BLOB_MODE = 0o644\n',
    why: 'a program that opens a hard-linked model for writing changes the store',
    tests: [blobs],
  },
  {
    name: 'the copy does not wait for what is still being written and hashed',
    file: 'src/core/hashed-copy.ts',
    text: '  await Promise.all(running)\n',
    replacement: '',
    why: 'a blob is published before its last bytes are there',
    tests: [{ file: 'src/core/hashed-copy.test.ts' }],
  },
  {
    name: 'memory is given back while it is still being hashed',
    file: 'src/core/hashed-copy.ts',
    text: '  for (const outcome of await Promise.allSettled(works)) {\n',
    replacement:
      '  for (const outcome of [await Promise.race(works.map((work) => Promise.allSettled([work])))].flat()) {\n',
    why: 'the digest is that of other bytes than the ones written',
    tests: [{ file: 'src/core/hashed-copy.test.ts' }],
  },
  {
    name: 'the tags are not read again after the index was written',
    file: 'src/store/projection.ts',
    text: '      await writeFileDurably(layout.index, wanted, fileOptions(layout, session))\n',
    replacement:
      '      await writeFileDurably(layout.index, wanted, fileOptions(layout, session))\n      return\n',
    why: 'other tools see a tag where it no longer is',
    tests: [{ file: 'src/store/projection.test.ts' }],
  },
  {
    name: 'verify takes what came meanwhile for missing',
    file: 'src/store/verify.ts',
    text: '  for (const digest of digests) if (!(await isPresent(blobPath(layout, digest)))) absent.push(digest)\n',
    replacement: '  absent.push(...digests)\n',
    why: 'an add beside a verify looks like damage',
    tests: [interleavings],
  },
]
