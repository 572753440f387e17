import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import {
  type ContainerInfo,
  createContainer,
  type Engine,
  inspectContainer,
  removeContainer,
} from '../docker/index.ts'
import { parseOperand } from '../model/index.ts'

/** With a host, a registry's; a plain name, the Engine's (design, "Words and names"). */
export function isEngineImage(name: string): boolean {
  const { kind } = parseOperand(name)
  return kind === 'name' || kind === 'image'
}

/** By name or id. Throws NOT_FOUND, with what lists those there are. */
export async function containerCalled(
  engine: Engine,
  name: string,
  options: CallOptions = {},
): Promise<ContainerInfo> {
  try {
    return await inspectContainer(engine, name, options)
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
    throw new BallastError('NOT_FOUND', `the Engine has no container ${name}`, {
      cause: error,
      hint: 'docker ps -a lists them',
    })
  }
}

/** A container of the image that is never started, and is gone when the work has ended. Throws NOT_FOUND. */
export async function withContainerOf<T>(
  engine: Engine,
  { image, ...options }: CallOptions & { readonly image: string },
  work: (id: string) => Promise<T>,
): Promise<T> {
  const id = await make(engine, image, options)
  try {
    return await work(id)
  } finally {
    await removeContainer(engine, id)
  }
}

async function make(engine: Engine, image: string, options: CallOptions): Promise<string> {
  try {
    return await createContainer(engine, { image, command: ['never started'] }, options)
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
    throw new BallastError('NOT_FOUND', `the Engine has no image ${image}`, {
      cause: error,
      hint: 'docker images lists them; for an image in a registry name its host too: image:HOST/NAME:TAG',
    })
  }
}
