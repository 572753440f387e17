import { join } from 'node:path'
import type { MirrorFiles } from '../registry/index.ts'
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
    mirrors: mirrorFiles({ env, home }, dockerConfig),
    engine: engineChoice({ env, home }),
    buckets: bucketAccess({ env }),
  }
}

/** containers-registries.conf(5), and where dockerd, a rootless one and Docker Desktop have theirs. */
function mirrorFiles({ env, home }: Pick<Io, 'env' | 'home'>, dockerConfig: string): MirrorFiles {
  const config = env.XDG_CONFIG_HOME || join(home, '.config')
  const containers = [join(config, 'containers'), '/etc/containers']
  const files = containers.map((directory) => join(directory, 'registries.conf'))
  return {
    files: env.CONTAINERS_REGISTRIES_CONF ? [env.CONTAINERS_REGISTRIES_CONF] : files,
    directories: containers.map((directory) => join(directory, 'registries.conf.d')).reverse(),
    daemons: [
      join(config, 'docker', 'daemon.json'),
      join(dockerConfig, 'daemon.json'),
      '/etc/docker/daemon.json',
    ],
  }
}

/** containers-auth.json(5); the last is where Podman keeps logins that outlive a session. */
function podmanAuthFiles({ env, home }: Pick<Io, 'env' | 'home'>): readonly string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE]
  const directories = [env.XDG_RUNTIME_DIR, env.XDG_CONFIG_HOME || join(home, '.config')]
  return directories.flatMap((directory) => (directory ? [join(directory, 'containers', 'auth.json')] : []))
}
