import { join } from 'node:path'
import type { ImageAccess } from '../workflows/image-places.ts'
import { bucketAccess } from './bucket-access.ts'
import { engineChoice } from './engine-choice.ts'
import type { Io } from './io.ts'
import { proxiesOf } from './proxies.ts'
import { hostsIn, type RegistryOptions } from './registry-options.ts'

export function imageAccess(
  { env, home }: Pick<Io, 'env' | 'home'>,
  options: RegistryOptions = {},
): ImageAccess {
  const dockerConfig = env.DOCKER_CONFIG || join(home, '.docker')
  return {
    dockerConfig,
    authFiles: podmanAuthFiles({ env, home }),
    plainHttp: hostsIn(options.plainHttp),
    network: { proxies: proxiesOf({ env }) },
    trust: {
      insecure: hostsIn(options.insecure),
      files: [env.SSL_CERT_FILE, options.ca].flatMap((file) => file || []),
      directories: [
        join(env.XDG_CONFIG_HOME || join(home, '.config'), 'containers', 'certs.d'),
        '/etc/containers/certs.d',
        join(dockerConfig, 'certs.d'),
        '/etc/docker/certs.d',
      ],
    },
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
