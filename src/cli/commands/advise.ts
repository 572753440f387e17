import { writeFile } from 'node:fs/promises'
import { ANSWER_FLAGS, type Flags, INPUT_NAMES, kindOf, readUnit } from '../../advise/index.ts'
import { BallastError } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import type { Session } from '../session.ts'
import { defineVerb, type VerbOption } from '../verb.ts'

interface AdviseOptions extends Readonly<Record<string, string | boolean | undefined>> {
  readonly image?: string
  readonly app?: string
  readonly html?: string
  readonly measure?: string | true
  readonly registry?: string
}

/** What each figure is written as, for the help. */
const VALUE = {
  bytes: '<size>',
  perMonth: '<rate>',
  count: '<n>',
  share: '<share>',
  perByte: '<speed>',
  seconds: '<time>',
  factor: '<factor>',
} as const

const FIGURES: readonly VerbOption[] = INPUT_NAMES.flatMap((name) => {
  const { flag, what, unit } = kindOf(name)
  return flag === undefined ? [] : [[`${flag} ${VALUE[unit]}`, what] as const]
})

export const verb = defineVerb<[string | undefined, AdviseOptions]>({
  usage: 'advise [subject]',
  summary: 'say which strategy fits, embed or mount, what each costs, and whether Ballast is needed at all',
  details:
    'The subject is a model of the store (REF or REF=PATH) or a directory; without one, an application of ballast.yaml or ' +
    '--size. What is there is measured, what you say goes before it, and the rest is assumed, within a range that is shown: ' +
    'where the answer changes inside of it, it is said at which value.\n' +
    'Without --environment there is an answer each for development, staging and production; nodes, rates and rules that you ' +
    'give are then about production. Any figure may be a range, as in --updates monthly..daily.',
  options: [
    ['--image <image>', 'the image of the application: its size and its history are read'],
    ['--app <name>', 'an application of ballast.yaml'],
    [
      '--environment <environment>',
      'development, staging or production',
      undefined,
      ANSWER_FLAGS.environment,
    ],
    ...FIGURES,
    ['--platform <platform>', ANSWER_FLAGS.platform.join(', '), undefined, ANSWER_FLAGS.platform],
    [
      '--coupling <coupling>',
      'loose; or tight: a version of the model needs its version of the code',
      undefined,
      ANSWER_FLAGS.coupling,
    ],
    [
      '--team <team>',
      'who releases the model: the same as the code, or separate',
      undefined,
      ANSWER_FLAGS.team,
    ],
    ['--reload', 'the application takes a new model without a restart'],
    ['--no-node-access', 'nothing may be installed on the nodes'],
    ['--offline', 'the nodes reach neither store nor source at run time'],
    ['--immutable', 'what runs has to be one artefact, approved as a whole'],
    ['--scale-to-zero', 'containers start from nothing when they are asked for'],
    ['--measure [time]', 'time the steps on this machine first, for at most so long (20s)'],
    [
      '--registry <host/name>',
      'with --measure: a repository that may be sent to; what is sent is deleted again',
    ],
    ['--html <file>', 'write a page with pictures, curves and all figures'],
  ],
  headings: {
    '--image': 'What it is about:',
    '--size': 'Model and code:',
    '--nodes': 'Where it runs:',
    '--pipeline': 'What a release takes:',
    '--platform': 'Rules and habits:',
    '--measure': 'Measuring, and a page:',
  },
  examples: [
    'ballast advise sentiment:prod --image my_ml_app',
    'ballast advise ./models --image my_ml_app --updates weekly --nodes 5',
    'ballast advise --size 140GB --updates 1/week --nodes 40 --link 1Gbps --environment production',
  ],
  async run(session, subject, { image, app, html, measure, registry, ...rest }) {
    if (registry !== undefined && measure === undefined) {
      throw new BallastError(
        'USAGE',
        '--registry without --measure: nothing is sent where nothing is measured',
        {
          hint: 'give --measure too, or leave --registry out',
        },
      )
    }
    const { advise } = await import('../../workflows/advise.ts')
    const { advice, trend, copies, warnings } = await advise(
      await session.store(),
      {
        subject,
        app,
        image,
        flags: await flagsOrAnswers(session, { flags: flagsFrom(rest), subject, app }),
        directory: '.',
        access: imageAccess(session.io),
        measure: measure === undefined ? undefined : { seconds: secondsFrom(measure), registry },
      },
      session,
    )
    for (const warning of warnings) session.note(`warning: ${warning}`)
    const { showsBlocks } = await import('../render/advice-bars.ts')
    const { formatAdvice } = await import('../render/advice-text.ts')
    const { copyNote, trendNote } = await import('../render/advice-notes.ts')
    const notes = [...(trend === undefined ? [] : [trendNote(trend)]), ...copies.map(copyNote)]
    const whole = { ...advice, notes }
    session.print(whole, () =>
      formatAdvice(whole, session.io.columns, { ascii: !showsBlocks(session.io.env) }),
    )
    if (html !== undefined) {
      const { advicePage } = await import('../render/advice-page.ts')
      await writeFile(html, advicePage(whole))
      session.note(`the page is in ${html}`)
    }
  },
})

/** Who names nothing but the model is asked, where there is somebody to answer. */
async function flagsOrAnswers(
  session: Session,
  {
    flags,
    subject,
    app,
  }: { readonly flags: Flags; readonly subject: string | undefined; readonly app: string | undefined },
): Promise<Flags> {
  if (Object.keys(flags).length > 0 || app !== undefined || !session.asks) return flags
  const { askFlags } = await import('../ask.ts')
  return askFlags({ size: subject === undefined && !(await hasApps()), signal: session.signal })
}

/** Then ballast.yaml says which model it is. */
async function hasApps(): Promise<boolean> {
  const { readAppFile } = await import('../../workflows/read-app-file.ts')
  return ((await readAppFile('.'))?.apps.length ?? 0) > 0
}

function secondsFrom(text: string | true): number {
  return text === true ? 20 : readUnit(text, 'seconds', '--measure').value
}

/** Commander's names back to those that people write; `--no-x` comes as `x: false`. */
function flagsFrom(options: Readonly<Record<string, string | boolean | undefined>>): Flags {
  const entries = Object.entries(options).flatMap(([key, value]) => {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if (value === undefined || (value === true && name === 'node-access')) return []
    return [value === false ? ([`no-${name}`, true] as const) : ([name, value] as const)]
  })
  return Object.fromEntries(entries)
}
