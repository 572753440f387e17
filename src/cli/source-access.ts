import { join } from 'node:path'
import type { Bandwidth } from '../http/index.ts'
import type { SourceAccess } from '../sources/index.ts'
import { bucketAccess } from './bucket-access.ts'
import type { Io } from './io.ts'
import { proxiesOf } from './proxies.ts'

/** What is there for sources by the environment: for the Hub as huggingface_hub has it. */
export function sourceAccess(
  { env, home }: Pick<Io, 'env' | 'home'>,
  bandwidth?: Bandwidth | undefined,
): SourceAccess {
  const hubHome = env.HF_HOME || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'huggingface')
  return {
    buckets: bucketAccess({ env }),
    network: { proxies: proxiesOf({ env }), bandwidth },
    hub: {
      endpoint: env.HF_ENDPOINT || undefined,
      token: env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || undefined,
      tokenFile: env.HF_TOKEN_PATH || join(hubHome, 'token'),
      cache: env.HF_HUB_CACHE || join(hubHome, 'hub'),
    },
  }
}
