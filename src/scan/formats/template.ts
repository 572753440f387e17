import { type Context, report } from '../context.ts'

/** What gets out of a template's own variables: to classes, to modules, to other files. */
const ESCAPES =
  /__(?:class|globals|builtins|subclasses|mro|bases?|import|init|getattribute|getitem|dict|code|call|reduce(?:_ex)?|self|closure|func|module|loader)__|\|\s*attr\s*\(|\|\s*map\s*\(\s*attribute\s*=\s*['"]_|\bos\s*\.\s*(?:popen|system|environ)|\bsubprocess\b|\blipsum\b|\bcycler\b|\bjoiner\b|\.mro\b|\\x5f|\\u005f|\b(?:eval|exec|popen|import_module)\s*\(|\bself\s*\.\s*_|['"]__['"]?\s*[~+%]|['"]_['"]\s*[~+]\s*['"]_|\{%-?\s*(?:import|include|from|extends)\b/i

/** A chat template of Jinja, which many programs render without a sandbox. */
export function judgeTemplate(context: Context, template: string): void {
  const found = ESCAPES.exec(template)?.[0]
  if (found !== undefined) {
    report(context, 'hostile', 'template', `its chat template reaches for what no chat needs: ${found}`)
  }
}
