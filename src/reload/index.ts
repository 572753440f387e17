export { announce, type Verdict, verdictOf } from './announce.ts'
export { type Answer, askReady } from './ask.ts'
export { answerByLife } from './life.ts'
export { findListeners, type Listener, type Surroundings } from './listeners.ts'
export { requireNamed } from './named.ts'
export {
  commandsOf,
  millisecondsOf,
  planReload,
  type ReloadPlan,
  readyOf,
  type ToldVersion,
} from './plan.ts'
export { inWords } from './words.ts'
