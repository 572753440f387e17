import type { AnyVerb } from '../verb.ts'
import { verb as add } from './add.ts'
import { verb as advise } from './advise.ts'
import { verb as approve } from './approve.ts'
import { verb as attach } from './attach.ts'
import { verb as capture } from './capture.ts'
import { verb as check } from './check.ts'
import { verb as completion } from './completion.ts'
import { verb as copy } from './copy.ts'
import { verb as diff } from './diff.ts'
import { verb as embed } from './embed.ts'
import { verb as gc } from './gc.ts'
import { verb as generateKeyPair } from './generate-key-pair.ts'
import { verb as history } from './history.ts'
import { verb as init } from './init.ts'
import { verb as list } from './list.ts'
import { verb as login } from './login.ts'
import { verb as logout } from './logout.ts'
import { verb as mount } from './mount.ts'
import { verb as policy } from './policy.ts'
import { verb as promote } from './promote.ts'
import { verb as pull } from './pull.ts'
import { verb as push } from './push.ts'
import { verb as rebase } from './rebase.ts'
import { verb as remove } from './remove.ts'
import { verb as rollback } from './rollback.ts'
import { verb as route } from './route.ts'
import { verb as run } from './run.ts'
import { verb as scan } from './scan.ts'
import { verb as serve } from './serve.ts'
import { verb as show } from './show.ts'
import { verb as sign } from './sign.ts'
import { verb as split } from './split.ts'
import { verb as switchVerb } from './switch.ts'
import { verb as tag } from './tag.ts'
import { verb as unmount } from './unmount.ts'
import { verb as verify } from './verify.ts'

/** In the order of the help: what one does first, first. A verb is a description; its work is loaded when it runs. */
export const VERBS: Readonly<Record<string, AnyVerb>> = {
  add,
  list,
  embed,
  mount,
  run,
  check,
  advise,
  rollback,
  switch: switchVerb,
  split,
  route,
  show,
  history,
  diff,
  attach,
  rebase,
  tag,
  policy,
  approve,
  promote,
  push,
  pull,
  copy,
  login,
  logout,
  remove,
  capture,
  unmount,
  init,
  sign,
  'generate-key-pair': generateKeyPair,
  scan,
  verify,
  gc,
  serve,
  completion,
}
