import type { CallOptions } from '../../core/index.ts'
import type { Engine } from '../../docker/index.ts'
import type { App, AppTarget } from '../../model/index.ts'
import type { CommandGuard } from '../allowed-commands.ts'
import type { ImageAccess } from '../image-places.ts'

/** What an application's models can be moved to. */
export type Way = 'embed' | 'mount'

export interface SwitchRequest {
  /** Its name in `ballast.yaml`. */
  readonly app: string
  readonly to: Way
  /** Whose `strategy` is written down; undefined where there is only one. */
  readonly environment?: string | undefined
  /** Where `ballast.yaml` is. */
  readonly directory: string
  /** Of this user, for trees that the store has no place for. */
  readonly cacheDirectory: string
  readonly access: ImageAccess
  readonly guard: CommandGuard
}

/** What the file says. */
export interface Declared {
  readonly app: App
  readonly targets: readonly AppTarget[]
}

export interface SwitchOptions extends CallOptions {
  /** What is being done, a line each, for people. */
  readonly onStep?: ((text: string) => void) | undefined
}

/** What one switch on an Engine goes by. */
export interface EngineWork {
  readonly engine: Engine
  readonly request: SwitchRequest
  readonly app: App
}
