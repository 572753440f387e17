import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// npm links the commands of dependencies, not a package's own, so `npx ballast` would not find it in a clone.
const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))
await mkdir(bin, { recursive: true })
await rm(join(bin, 'ballast'), { force: true })
await symlink(join('..', '..', 'bin', 'ballast.cjs'), join(bin, 'ballast'))
