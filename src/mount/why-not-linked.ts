import { needsExternalData, randomAccess } from '../formats/index.ts'
import type { Version } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/**
 * Whether a version's files may be hard links, or why not. ONNX refuses external data behind hard links, so the files
 * of a model that needs some are copied, under whatever name; a model that holds all of its weights may be linked.
 * Told by the files themselves: what is attached to a version may come from elsewhere.
 */
export async function whyNotLinked(store: Store, version: Version): Promise<string | undefined> {
  for (const file of version.files) {
    if (await needsExternalData(randomAccess(file.path, store.fileContent(file)))) {
      return `ONNX does not load the external data of ${file.path} through hard links, so the files were copied`
    }
  }
  return undefined
}
