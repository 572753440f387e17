export { layoutToUse } from './choose.ts'
export { addToRepository, layOut, refuseUnfit } from './lay-out.ts'
export { linkOfLayout } from './plan.ts'
export { layoutOfLink, leaveView, retireViews } from './view.ts'
