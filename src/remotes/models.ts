import type { Bucket } from '../buckets/index.ts'
import type { CallOptions } from '../core/index.ts'
import { isName, type RepositoryName } from '../model/index.ts'
import { layoutOf } from './layout.ts'
import { checkFormat } from './record-writer.ts'

/** The models below one root of a bucket, sorted; none where nothing was pushed there. */
export async function listModels(
  bucket: Bucket,
  root: string,
  options: CallOptions = {},
): Promise<readonly RepositoryName[]> {
  const layout = layoutOf(root)
  await checkFormat(bucket, layout, options)
  const names = new Set<RepositoryName>()
  for await (const { key } of bucket.list(layout.repositories, options)) {
    const [name = ''] = key.slice(layout.repositories.length).split('/')
    if (isName(name)) names.add(name)
  }
  return [...names].sort()
}
