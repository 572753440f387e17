import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { defineAdd } from './add.ts'
import { defineCheck } from './check.ts'
import { defineDiff } from './diff.ts'
import { defineEmbed } from './embed.ts'
import { defineGc } from './gc.ts'
import { defineHistory } from './history.ts'
import { defineList } from './list.ts'
import { defineMount } from './mount.ts'
import { defineRemove } from './remove.ts'
import { defineRollback } from './rollback.ts'
import { defineServe } from './serve.ts'
import { defineShow } from './show.ts'
import { defineTag } from './tag.ts'
import { defineUnmount } from './unmount.ts'
import { defineVerify } from './verify.ts'

/** In the order of the help: what one does first, first. */
export const COMMANDS: readonly ((program: Command, io: Io) => void)[] = [
  defineAdd,
  defineList,
  defineEmbed,
  defineMount,
  defineCheck,
  defineRollback,
  defineShow,
  defineHistory,
  defineDiff,
  defineTag,
  defineRemove,
  defineUnmount,
  defineVerify,
  defineGc,
  defineServe,
]
