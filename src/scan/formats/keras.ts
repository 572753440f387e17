import { type Context, report } from '../context.ts'

const DEEPEST = 200
const MOST_NODES = 5_000_000

/** Parts of Keras that a saved model is made of; its `utils`, `saving`, `config` and the like can fetch, load and allow. */
const MODULE =
  /^(?:keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras)(?:\.src)?(?:\.(?:layers|models|initializers|activations|losses|metrics|optimizers|regularizers|constraints|dtype_policies|ops|quantizers|engine|backend\.common\.variables|legacy)(?:\.\w+)*)?$/
/** Layers that hold a program, or load one from a place that they name. */
const PROGRAMS = new Set([
  'Lambda',
  '__lambda__',
  'TorchModuleWrapper',
  'TFSMLayer',
  'JaxLayer',
  'FlaxLayer',
  'SlicingOpLambda',
])
/** Functions of Keras, by name, that do more than compute. */
const DOES_MORE =
  /(?:^|_)(?:load|save|export|import|open|get_file|fetch|deserialize|unsafe|eval|exec|compile|run|print|input|getattr|setattr|delattr|vars|globals|locals|breakpoint|memoryview|help|__\w*|from_json|from_config)(?:_|$)/

/** What a configuration of Keras, already read, would have made when the model is loaded. */
export function judgeKeras(context: Context, config: unknown): void {
  let nodes = 0
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null) return
    if (depth > DEEPEST || ++nodes > MOST_NODES) {
      report(context, 'unreadable', 'too-large', 'its configuration is too deep or too large')
      return
    }
    if (!Array.isArray(value)) judgeNode(context, value as Record<string, unknown>)
    for (const inner of Object.values(value)) visit(inner, depth + 1)
  }
  visit(config, 0)
}

function judgeNode(context: Context, node: Record<string, unknown>): void {
  const { class_name: className, module, config, registered_name: registered } = node
  if (typeof className !== 'string') return
  for (const name of [className, registered]) if (typeof name === 'string') judgeClass(context, name)
  if (typeof module === 'string') judgeModule(context, { module, className, config })
  if (className === 'function' && typeof config === 'string' && DOES_MORE.test(config)) {
    report(context, 'hostile', 'keras-import', `its configuration names the function ${config}`)
  }
  const isOwn =
    (module === null || module === undefined) && typeof registered === 'string' && registered.includes('>')
  if (isOwn)
    report(context, 'executable', 'keras-custom', `it needs a class of somebody's own: ${registered}`)
  if (typeof config === 'object' && config !== null) judgePaths(context, config as Record<string, unknown>)
}

function judgeClass(context: Context, name: string): void {
  const plain = name.split(/[.>]/).at(-1) ?? name
  if (PROGRAMS.has(plain)) {
    report(context, 'hostile', 'lambda', `it has a layer that holds or loads a program: ${plain}`)
  }
}

function judgeModule(
  context: Context,
  {
    module,
    className,
    config,
  }: { readonly module: string; readonly className: string; readonly config: unknown },
): void {
  if (MODULE.test(module)) return
  const isKnown =
    module === 'builtins' &&
    (className === 'function'
      ? typeof config === 'string' && /^\w+$/.test(config)
      : /^(?:float|int|str|bool|dict|list|tuple|slice)$/.test(className))
  if (!isKnown) report(context, 'hostile', 'keras-import', `its configuration imports ${module}.${className}`)
}

/** Vocabularies may be files, of anywhere. */
function judgePaths(context: Context, config: Record<string, unknown>): void {
  for (const key of ['vocabulary', 'filepath', 'file_path']) {
    const path = config[key]
    if (typeof path === 'string' && /^[/\\~]|^[A-Za-z]:|:\/\/|(?:^|[/\\])\.\.(?:[/\\]|$)/.test(path)) {
      report(context, 'hostile', 'escape', `its configuration reads ${path}`)
    }
  }
  const name = config.function
  // Of TensorFlow's own operations, as layers name them.
  if (typeof name === 'string' && /\bio\.|read_file|write_file|py_func|numpy_function/.test(name)) {
    report(context, 'hostile', 'operation', `it has a layer that calls ${name}`)
  }
}

const CLASS_NAMES = /"(?:class_name|registered_name)"\s*:\s*"((?:[^"\\]|\\.){1,200})"/g
const MODULES = /"module"\s*:\s*"((?:[^"\\]|\\.){1,200})"/g
const FUNCTIONS = /"class_name"\s*:\s*"function"\s*,\s*"config"\s*:\s*"([^"]{1,200})"/g
/** Nothing that writes configurations writes plain letters so. */
const HIDDEN = /\\u00(?:[46][1-9a-f]|[57][0-9a]|5f)/i

/** The same by the text alone, where it stands among other bytes. */
export function judgeKerasText(context: Context, text: string): void {
  if (!text.includes('class_name') && !HIDDEN.test(text)) return
  if (HIDDEN.test(text))
    report(context, 'hostile', 'hidden', 'its configuration has letters written as numbers')
  for (const [, name] of text.matchAll(CLASS_NAMES)) judgeClass(context, name as string)
  for (const [, module] of text.matchAll(MODULES)) {
    if (!MODULE.test(module as string) && module !== 'builtins') {
      report(context, 'hostile', 'keras-import', `its configuration imports from ${module}`)
    }
  }
  for (const [, name] of text.matchAll(FUNCTIONS)) {
    if (DOES_MORE.test(name as string))
      report(context, 'hostile', 'keras-import', `its configuration names the function ${name}`)
  }
}
