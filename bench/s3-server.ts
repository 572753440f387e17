import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AWS_ENV, createBucket } from '../test/fixtures/buckets/server.ts'
import { freePort, startLoopbackServer } from '../test/fixtures/loopback-server.ts'
import { run } from './harness.ts'

const [KEY, SECRET] = ['bench', 'bench-secret']
const CREDENTIALS = { AWS_ACCESS_KEY_ID: KEY, AWS_SECRET_ACCESS_KEY: SECRET }

/** versitygw over a directory, with the bucket `models`, while `work` is under way. */
export async function withS3Server<T>(directory: string, work: (port: number) => Promise<T>): Promise<T> {
  const port = await freePort()
  const served = join(directory, 'served')
  await mkdir(served)
  const url = `http://127.0.0.1:${port}`
  const server = await startLoopbackServer({
    command: 'versitygw',
    args: [
      '--keep-alive',
      '--access',
      KEY,
      '--secret',
      SECRET,
      '--port',
      `127.0.0.1:${port}`,
      'posix',
      served,
    ],
    url,
  })
  try {
    await createBucket(url, { ...AWS_ENV, ...CREDENTIALS })
    return await work(port)
  } finally {
    await server.close()
  }
}

/** Of who uses the server behind the port. */
export function environmentOf(port: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...CREDENTIALS,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  }
}

/** `rclone`, to which the server is `remote:`. */
export async function rclone(port: number, args: readonly string[]): Promise<void> {
  const env = {
    ...environmentOf(port),
    // rclone 1.60 cannot use one.
    AWS_CA_BUNDLE: undefined,
    RCLONE_CONFIG: '/nonexistent',
    RCLONE_CONFIG_REMOTE_TYPE: 's3',
    RCLONE_CONFIG_REMOTE_PROVIDER: 'Other',
    RCLONE_CONFIG_REMOTE_ENV_AUTH: 'true',
    RCLONE_CONFIG_REMOTE_ENDPOINT: `http://127.0.0.1:${port}`,
  }
  await run('rclone', [...args], { env })
}
