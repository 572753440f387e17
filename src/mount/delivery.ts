import type { Admit, CallOptions } from '../core/index.ts'
import type { Marker, Version } from '../model/index.ts'

/** A version, and what is written into its marker. */
export interface Delivery {
  readonly version: Version
  readonly marker: Marker
}

export interface DeliverOptions extends CallOptions {
  readonly link: boolean
  /** Asked before files are copied. */
  readonly admit?: Admit | undefined
}

/** What a delivery did. `adopted`: the files were there and matched. `unchanged`: the version had been delivered before. */
export interface Delivered {
  readonly how: 'delivered' | 'adopted' | 'unchanged'
  readonly bytesCopied: number
  readonly warnings: readonly string[]
}
