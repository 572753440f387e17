import { join } from 'node:path'
import type { ImageAccess } from '../workflows/image-places.ts'
import type { Io } from './io.ts'

export function imageAccess({ env, home }: Io, plainHttp: readonly string[] = []): ImageAccess {
  return { dockerConfig: env.DOCKER_CONFIG || join(home, '.docker'), plainHttp }
}
