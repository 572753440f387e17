import type { Advice, EnvironmentAdvice } from '../../advise/index.ts'
import { curvesDrawn } from './advice-page/curves.ts'
import { strategiesDrawn } from './advice-page/drawing.ts'
import { factorTable } from './advice-page/factors.ts'
import { html, type Markup } from './advice-page/markup.ts'
import { STYLE } from './advice-page/style.ts'
import { inputTable, wayTable } from './advice-page/tables.ts'
import { reasonWords, verdictWords } from './advice-words.ts'

/** One page that needs nothing else: no script, nothing from elsewhere. Names in it are from outside and are escaped. */
export function advicePage({ subject, image, environments, notes }: Advice): string {
  const title = image === null ? subject : `${subject}, for ${image}`
  const style: Markup = { markup: STYLE }
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>Advice: ${title}</title>
<style>${style}</style>
</head>
<body>
<header><p class="soft">Embed or mount?</p>
<h1>${title}</h1>
${notes.map((note) => html`<p>${note}</p>`)}
${environments.length > 1 && contents(environments)}</header>
<main>
${environments.map(sectionOf)}
</main>
<footer><p><small>Hours a month are all that releases and starts wait and that people work because of them, added up; no
hour counts more than another. What is assumed has a range: where the answer changes within it, the verdict says at which
value. Give the flag of an input, as in <code>ballast advise --nodes 5</code>, and it is assumed no longer.</small></p></footer>
</body>
</html>
`.markup
}

function contents(environments: readonly EnvironmentAdvice[]): Markup {
  const lines = environments.map(
    (advice) =>
      html`<li><a href="#${advice.environment}">${advice.environment}</a>: ${verdictWords(advice).headline}</li>`,
  )
  return html`<nav aria-label="Environments"><ul>${lines}</ul></nav>`
}

function sectionOf(advice: EnvironmentAdvice): Markup {
  const { headline, more } = verdictWords(advice)
  return html`<section id="${advice.environment}">
<h2>${capital(advice.environment)}</h2>
<p class="verdict">${capital(headline)}</p>
${more.map((sentence) => html`<p>${sentence}</p>`)}
<ul>${reasonWords(advice).map((reason) => html`<li>${capital(reason)}</li>`)}</ul>
<h3>Both strategies, drawn for this application</h3>
${strategiesDrawn(advice)}
<h3>Where the answer changes</h3>
${curvesDrawn(advice)}
<h3>The six factors</h3>
${factorTable(advice)}
<h3>What each way costs</h3>
${wayTable(advice)}
<h3>What this rests on</h3>
${inputTable(advice)}
</section>
`
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
