import { join } from 'node:path'
import type { ImageAccess } from '../workflows/image-places.ts'
import { bucketAccess } from './bucket-access.ts'
import { engineChoice } from './engine-choice.ts'
import type { Io } from './io.ts'

export function imageAccess({ env, home }: Io, plainHttp: readonly string[] = []): ImageAccess {
  const dockerConfig = env.DOCKER_CONFIG || join(home, '.docker')
  return {
    dockerConfig,
    authFiles: podmanAuthFiles({ env, home }),
    plainHttp,
    engine: engineChoice({ env, home }),
    buckets: bucketAccess({ env }),
  }
}

/** containers-auth.json(5); the last is where Podman keeps logins that outlive a session. */
function podmanAuthFiles({ env, home }: Pick<Io, 'env' | 'home'>): readonly string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE]
  const directories = [env.XDG_RUNTIME_DIR, env.XDG_CONFIG_HOME || join(home, '.config')]
  return directories.flatMap((directory) => (directory ? [join(directory, 'containers', 'auth.json')] : []))
}
