import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { isDirect, usesOf } from '../pickle/allowed.ts'
import type { Global } from '../pickle/values.ts'
import type { ScanFormat } from '../verdict.ts'
import { OPERATIONS } from './graphs.ts'
import { judgeKeras, judgeKerasText } from './keras.ts'
import { judgeTemplate } from './template.ts'

const LARGEST = 64 * 1024 * 1024
const MODULES =
  'os|posix|nt|sys|subprocess|builtins|__builtin__|shutil|socket|importlib|pty|runpy|ctypes|pickle|_pickle|marshal|code|pdb|webbrowser|asyncio|multiprocessing|commands|pip|timeit|cProfile|pydoc|operator|functools'
const COMMANDS =
  /\b(?:os\.(?:system|popen|exec\w*|spawn\w*|posix_spawn)|subprocess|pty\.spawn|__import__|socket\.\w+|ctypes\.|marshal\.loads|pickle\.loads|importlib\.import_module|builtins\.)|(?<![\w.])(?:eval|exec|compile)\s*\(/
/** TorchScript's own ways to files. */
const SCRIPT_FILES =
  /\b(?:torch\.(?:from_file|save|load)|ops\.(?:aten\.(?:from_file|save)|image\.(?:read_file|write_file))|read_file|write_file)\b/

/** Texts that loaders run or render. Undefined for others. */
export async function scanText(context: Context, source: RandomAccess): Promise<ScanFormat | undefined> {
  const kind = /\.(py|pyc|json|ya?ml|jinja2?|j2|ipynb|pbtxt)$/i.exec(source.path)?.[1]?.toLowerCase()
  if (kind === undefined) return undefined
  if (source.size > LARGEST) {
    report(context, 'unreadable', 'too-large', 'it is a text that is too long to be read')
    return undefined
  }
  const bytes = Buffer.from(await source.read(0, source.size))
  if (kind === 'pyc') {
    report(context, 'hostile', 'program', 'it is a compiled program of Python')
    return 'program'
  }
  const text = decoded(bytes)
  if (kind === 'py') return judgeProgram(context, source.path, text)
  if (/^(?:jinja2?|j2)$/.test(kind)) {
    judgeTemplate(context, text)
    return 'template'
  }
  if (kind === 'pbtxt') {
    for (const [, operation] of text.matchAll(/\bop\s*:\s*["']([\w>]+)["']/g)) {
      if (OPERATIONS.has(operation as string))
        report(context, 'hostile', 'operation', `its graph has the operation ${operation}`)
    }
    return 'tensorflow-graph'
  }
  judgeTags(context, text)
  if (kind === 'json') judgeJson(context, text)
  return undefined
}

/** As Python's readers of JSON and YAML tell the encoding: by a mark, or by where the zeros of the first letters stand. */
function decoded(bytes: Buffer): string {
  const [first, second, third, fourth] = bytes
  const begin = bytes.toString('hex', 0, 4)
  if (begin === 'fffe0000' || (first !== 0 && second === 0 && third === 0 && fourth === 0))
    return wide(bytes, 0)
  if (begin === '0000feff' || (first === 0 && second === 0 && third === 0 && fourth !== 0))
    return wide(bytes, 3)
  if (/^fffe/.test(begin) || (first !== 0 && second === 0)) return plain(bytes.toString('utf16le'))
  if (/^feff/.test(begin) || (first === 0 && second !== 0)) {
    return plain(
      Buffer.from(bytes.subarray(0, bytes.length & ~1))
        .swap16()
        .toString('utf16le'),
    )
  }
  return plain(bytes.toString('utf8'))
}

const plain = (text: string): string => text.replace(/^\ufeff/, '')

/** UTF-32, as far as it matters: what is beyond 255 is no letter of a name. */
function wide(bytes: Buffer, lowest: 0 | 3): string {
  return plain(Buffer.from(bytes.filter((_, at) => at % 4 === lowest)).toString('latin1'))
}

function judgeProgram(context: Context, path: string, text: string): ScanFormat {
  const isScript = /(?:^|\/)code\/(?:__torch__|.*\/__torch__)/.test(path)
  const found = isScript ? SCRIPT_FILES.exec(text) : COMMANDS.exec(text)
  if (found !== null)
    report(context, 'hostile', 'program', `it is a program that does more than compute: ${found[0]}`)
  else if (!isScript)
    report(context, 'executable', 'program', 'it is a program, which a loader may be told to run')
  return 'program'
}

/** YAML makes objects of Python by tags, and hydra by names. */
export function judgeTags(context: Context, text: string): void {
  const tag =
    /!!python\/(?:object|name|module)[\w:./]*|tag:yaml\.org,2002:python\/(?:object|name|module)[\w:./]*/.exec(
      text,
    )?.[0]
  if (tag !== undefined) report(context, 'hostile', 'global', `it makes an object of Python: ${tag}`)
  const target = new RegExp(`["']?_target_["']?\\s*:\\s*["']?((?:${MODULES})\\.[\\w.]+)`).exec(text)?.[1]
  if (target !== undefined) report(context, 'hostile', 'global', `it has hydra call ${target}`)
}

function judgeJson(context: Context, text: string): void {
  const value = parsed(text)
  if (value === undefined) {
    judgeKerasText(context, text)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const object = value as Record<string, unknown>
  if (typeof object.class_name === 'string' || 'keras_version' in object) judgeKeras(context, object)
  if ('__loader__' in object || '__class__' in object) judgeSkops(context, object)
  judgeCode(context, object)
  const { chat_template: template } = object
  if (typeof template === 'string') judgeTemplate(context, template)
  if (!Array.isArray(template)) return
  for (const one of template as readonly unknown[]) {
    const inner = (one as { readonly template?: unknown } | null)?.template
    if (typeof inner === 'string') judgeTemplate(context, inner)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return withoutNaN(text)
  }
}

/** Python's JSON knows numbers that are none. */
function withoutNaN(text: string): unknown {
  try {
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) =>
        token.startsWith('"') ? token : '0',
      ),
    )
  } catch {
    return undefined
  }
}

/** What libraries fetch and run for a configuration: kernels of attention without being asked, classes when they are told to trust. */
function judgeCode(context: Context, value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return
  for (const [key, inner] of Object.entries(value)) {
    if (/^_?attn_implementation/.test(key) && typeof inner === 'string' && inner.includes('/')) {
      report(context, 'hostile', 'remote-code', `it has code fetched and run: ${inner}`)
    }
    if (key === 'auto_map' || key === 'custom_pipelines') {
      report(
        context,
        'executable',
        'program',
        'it names classes of a program beside it, which a loader may be told to run',
      )
    }
    judgeCode(context, inner, depth + 1)
  }
}

const DEEPEST = 500

const isPlain = (global: Global): boolean => usesOf(global) !== undefined && !isDirect(global)

/** skops names the classes that it makes, as pickle does. */
function judgeSkops(context: Context, value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return
  const { __class__: name, __module__: module } = value as Record<string, unknown>
  if (typeof name === 'string' && typeof module === 'string' && !isPlain({ kind: 'global', module, name })) {
    report(context, 'hostile', 'global', `it imports ${module}.${name}`)
  }
  for (const inner of Object.values(value)) judgeSkops(context, inner, depth + 1)
}
