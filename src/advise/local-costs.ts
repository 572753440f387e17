import { type Make, MODEL, STARTS, taking } from './cost-steps.ts'
import { each, type Terms } from './terms.ts'
import type { WayName } from './ways.ts'

/** On one machine, where the model is made and the application is tried. */
export const DEVELOPED: Readonly<Record<WayName, Make>> = {
  copy: ({ step }) => local([...step('build', MODEL), ...STARTS], each(step('build', MODEL), 'copyRepeats')),
  'embed-top': ({ step }) =>
    local([...step('hash', MODEL), ...step('load', MODEL, 'pulledShare'), ...STARTS], step('load', MODEL)),
  // The layers of the code lie above and are loaded again.
  'embed-bottom': ({ step }) =>
    local(
      [
        ...step('hash', MODEL),
        ...step('load', MODEL, 'pulledShare'),
        ...step('load', 'imageBytes'),
        ...STARTS,
      ],
      step('load', 'codeBytes'),
    ),
  'by-hand': (_, answers) => local(taking(answers), []),
  download: ({ step, toOne }) => {
    const fetch = [...toOne(MODEL), ...step('fetch', MODEL)]
    return local([...fetch, ...STARTS], fetch)
  },
  'mount-volume': ({ step }, answers) =>
    local([...step('hash', MODEL), ...step('deliver', MODEL), ...taking(answers)], []),
  'mount-plugin': ({ step }, answers) =>
    local([...step('hash', MODEL), ...step('attach'), ...taking(answers)], step('attach')),
}

function local(update: Terms, code: Terms): ReturnType<Make> {
  const nothing = { seconds: STARTS, bytes: [] }
  return {
    update: { seconds: update, bytes: [] },
    code: { seconds: [...code, ...STARTS], bytes: [] },
    cold: nothing,
    warm: nothing,
  }
}
