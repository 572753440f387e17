import { type Dictionary, type Global, textOf, type Value } from './values.ts'

/** Scipy's distributions: their state has the text of the function that reads their arguments. */
export function isDistribution({ module }: Global): boolean {
  return module.startsWith('scipy.stats.')
}

/** That they keep bound to themselves. */
export const METHODS = new Set(['_nonzero', '_argcheck', '_entropy', '_munp', '_cdf', '_ppf'])

const TEMPLATE_HEAD = /^def _parse_args(?:_rvs|_stats)?\(self, [\w=.', ]*\):$/
const TEMPLATE_BODY = /^ {4}return [\w=.', ()]*$/
/** Of the one function that it calls. */
const TEMPLATE_CALL = /self\._argcheck_rvs\(/g

/** Three functions that give their arguments back in another order, and call nothing. */
function isPlainTemplate(text: string): boolean {
  return text
    .replaceAll(TEMPLATE_CALL, '')
    .split('\n')
    .every(
      (line) =>
        line === '' || TEMPLATE_HEAD.test(line) || (TEMPLATE_BODY.test(line) && !/[\w')]\(/.test(line)),
    )
}

/** Whether a state has no such text but one that scipy wrote. */
export function isHarmlessDistribution(state: Value): boolean {
  if (state.kind === 'tuple') {
    return (
      state.items?.every(
        (item) => item.kind !== 'list' && (item.kind !== 'dictionary' || hasPlainTemplate(item)),
      ) ?? false
    )
  }
  return state.kind === 'dictionary' && hasPlainTemplate(state)
}

function hasPlainTemplate({ items, hasUnknownKey }: Dictionary): boolean {
  if (hasUnknownKey === true) return false
  const template = items?.get('_parse_arg_template')
  return template === undefined || isPlainTemplate(textOf(template) ?? '-')
}
