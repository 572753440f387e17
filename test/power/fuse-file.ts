import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * A file whose every write and flush comes past this process: the kernel's FUSE protocol (7.31), as far as a single file
 * needs it, without a library. The process that serves it must never touch what is stored in it: it would wait for itself.
 */
export interface FileBehind {
  readonly size: number
  readonly read: (offset: number, length: number) => Promise<Buffer>
  readonly write: (offset: number, data: Buffer) => Promise<void>
  readonly flush: () => Promise<void>
}

const OPCODES = {
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  access: 34,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const
const UNANSWERED: readonly number[] = [OPCODES.forget, OPCODES.interrupt, OPCODES.batchForget]
const ENOSYS = 38
const EIO = 5
const HEADER = 40
const MAX_WRITE = 128 * 1024
const BIG_WRITES = 1 << 5
const KEEP_CACHE = 2
const BLOCK = 4096

/** Serves until it is unmounted. `mounted` is called once the file can be opened. */
export async function serveFile(path: string, behind: FileBehind, mounted: () => void): Promise<void> {
  const device = await open('/dev/fuse', 'r+')
  const options = `fd=3,rootmode=100600,user_id=0,group_id=0`
  const mount = spawn('mount', ['-i', '-t', 'fuse', '-o', options, 'recorder', path], {
    stdio: ['ignore', 'inherit', 'inherit', device.fd],
  })
  const [code] = await once(mount, 'exit')
  if (code !== 0) throw new Error(`mount ended with ${code}`)
  const served = answer(device, behind)
  mounted()
  await served
  await device.close()
}

async function answer(device: FileHandle, behind: FileBehind): Promise<void> {
  const buffer = Buffer.allocUnsafe(MAX_WRITE + BLOCK)
  for (;;) {
    const length = await nextRequest(device, buffer)
    if (length === undefined) return
    const request = buffer.subarray(0, length)
    const opcode = request.readUInt32LE(4)
    if (UNANSWERED.includes(opcode)) continue
    const { error, body } = await reply(opcode, request.subarray(HEADER), behind)
    const header = Buffer.alloc(16)
    header.writeUInt32LE(header.length + body.length, 0)
    header.writeInt32LE(-error, 4)
    request.copy(header, 8, 8, 16)
    await device.write(Buffer.concat([header, body])).catch(ignoreGone)
  }
}

/** Undefined once the file is unmounted. */
async function nextRequest(device: FileHandle, buffer: Buffer): Promise<number | undefined> {
  for (;;) {
    try {
      const { bytesRead } = await device.read(buffer, 0, buffer.length, null)
      return bytesRead === 0 ? undefined : bytesRead
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENODEV') return undefined
      if (code !== 'EINTR' && code !== 'EAGAIN' && code !== 'ENOENT') throw error
    }
  }
}

interface Reply {
  readonly error: number
  readonly body: Buffer
}

const NOTHING = Buffer.alloc(0)

async function reply(opcode: number, body: Buffer, behind: FileBehind): Promise<Reply> {
  try {
    return await replyOf(opcode, body, behind)
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`)
    return { error: EIO, body: NOTHING }
  }
}

async function replyOf(opcode: number, body: Buffer, behind: FileBehind): Promise<Reply> {
  const ok = (data: Buffer = NOTHING): Reply => ({ error: 0, body: data })
  switch (opcode) {
    case OPCODES.init:
      return ok(init(body))
    case OPCODES.getattr:
    case OPCODES.setattr:
      return ok(attributes(behind.size))
    case OPCODES.open: {
      const out = Buffer.alloc(16)
      out.writeUInt32LE(KEEP_CACHE, 8)
      return ok(out)
    }
    case OPCODES.read:
      return ok(await behind.read(Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)))
    case OPCODES.write: {
      const length = body.readUInt32LE(16)
      await behind.write(Number(body.readBigUInt64LE(8)), body.subarray(HEADER, HEADER + length))
      const out = Buffer.alloc(8)
      out.writeUInt32LE(length, 0)
      return ok(out)
    }
    case OPCODES.fsync:
      await behind.flush()
      return ok()
    case OPCODES.flush:
    case OPCODES.release:
    case OPCODES.access:
    case OPCODES.destroy:
      return ok()
    case OPCODES.statfs:
      return ok(Buffer.alloc(80))
    default:
      return { error: ENOSYS, body: NOTHING }
  }
}

function init(body: Buffer): Buffer {
  const out = Buffer.alloc(64)
  out.writeUInt32LE(7, 0)
  out.writeUInt32LE(31, 4)
  out.writeUInt32LE(body.readUInt32LE(8), 8)
  out.writeUInt32LE(BIG_WRITES, 12)
  out.writeUInt16LE(16, 16)
  out.writeUInt16LE(12, 18)
  out.writeUInt32LE(MAX_WRITE, 20)
  out.writeUInt32LE(1, 24)
  return out
}

/** Good for a day: the size never changes. */
function attributes(size: number): Buffer {
  const out = Buffer.alloc(16 + 88)
  out.writeBigUInt64LE(86_400n, 0)
  out.writeBigUInt64LE(1n, 16)
  out.writeBigUInt64LE(BigInt(size), 24)
  out.writeBigUInt64LE(BigInt(size / 512), 32)
  out.writeUInt32LE(0o100600, 16 + 60)
  out.writeUInt32LE(1, 16 + 64)
  out.writeUInt32LE(BLOCK, 16 + 80)
  return out
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error
}
