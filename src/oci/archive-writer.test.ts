import { join } from 'node:path'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { imageRepositorySuite } from '../../test/suites/image-repository.ts'
import { createArchive } from './archive-writer.ts'

imageRepositorySuite('an archive that is being written', async (context) =>
  createArchive(join(await temporaryDirectory(context), 'app.tar')),
)
