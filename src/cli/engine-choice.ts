import { join } from 'node:path'
import type { EngineChoice } from '../docker/index.ts'
import type { Io } from './io.ts'

/** Which Engine the docker command would speak to, from the environment alone. */
export function engineChoice({ env, home }: Pick<Io, 'env' | 'home'>): EngineChoice {
  return {
    host: env.DOCKER_HOST,
    context: env.DOCKER_CONTEXT,
    tlsVerify: Boolean(env.DOCKER_TLS_VERIFY),
    certPath: env.DOCKER_CERT_PATH,
    dockerConfig: env.DOCKER_CONFIG || join(home, '.docker'),
  }
}
