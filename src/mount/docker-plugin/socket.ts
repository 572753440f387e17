import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import {
  BallastError,
  explainSystemError,
  isPresent,
  isSystemError,
  makeDirectory,
} from '../../core/index.ts'

/** A path to listen at, or a socket that is listened at already: systemd's, with its file descriptor. */
export type Listen = { readonly path: string } | { readonly fd: number; readonly path: string }

/**
 * Listens where Engines look for plugins; only root may connect. Throws CONFLICT where another process answers there
 * already. A socket that nobody answers at, as a killed process leaves it, is replaced.
 */
export async function listenAt(server: Server, listen: Listen): Promise<void> {
  if ('fd' in listen) {
    server.listen({ fd: listen.fd })
    await once(server, 'listening')
    return
  }
  const { path } = listen
  await makeDirectory(dirname(path), 0o755)
  if (await isPresent(path)) {
    if (await answers(path)) {
      throw new BallastError('CONFLICT', `another process answers at ${path} already`, {
        hint: 'stop it first (sudo systemctl stop ballast-docker-plugin.socket ballast-docker-plugin.service), or name another --plugin-socket',
      })
    }
    await rm(path, { force: true })
  }
  // Not by a chmod afterwards: in between, anybody could connect.
  const umask = process.umask(0o177)
  try {
    server.listen(path)
    await once(server, 'listening')
  } catch (error) {
    if (isSystemError(error, 'EADDRINUSE')) {
      throw new BallastError('CONFLICT', `another process answers at ${path} already`, { cause: error })
    }
    throw explainSystemError(error)
  } finally {
    process.umask(umask)
  }
}

/** Docker waits for a socket that nobody answers at, for 15 seconds and at whatever it was asked for. */
export async function unlinkSocket(listen: Listen): Promise<void> {
  if (!('fd' in listen)) await rm(listen.path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
