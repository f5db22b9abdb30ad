// Joins the compiled modules to the few files that are published. To load a file costs Node as much as to compile 20 KB:
// as 426 modules, `import 'holdfast'` took 300 ms and more of every start.
//
// What is loaded at once becomes one file per layer (engine.js, runs.js …), so that a stack trace still says where; in it, a
// comment stands before what was a module. What few programs need (databases, copying) stands apart and is loaded when
// it is used. Nothing is shortened, and a name only changes where two are the same. As layers import downwards only, so do the
// files.

import { dirname, join, relative, sep } from 'node:path'
import { rolldown } from 'rolldown'

/** What is imported or started by its path. */
const entries = ['index', 'testing/index', 'cli', 'cli/torture/writer']
/** The files of modules that don't stand in a folder of their layer's name. */
const atOnce = [
  ['core', /^(errors|limits)\.js$/],
  ['journal', /^journal\.js$/],
  ['composition', /^[^/]+\.js$/],
]
/** The files of what is loaded when it is used. All else is put together by who uses it. */
const later = [
  ['postgres', /^(open-postgres\.js$|stores\/postgres\/)/],
  ['sqlite', /^(open-sqlite\.js$|stores\/sqlite\/)/],
  ['sql', /^stores\/sql\//],
]

/** `from`: the folder of the modules; `to`: that of the files. */
export async function joinModules(from, to) {
  let atStart
  const fileOf = (id, modules) => {
    atStart ??= loadedWith(join(from, 'index.js'), modules)
    const path = relative(from, id).replaceAll(sep, '/')
    if (path === 'index.js') return null
    if (!atStart.has(id)) return nameOf(path, later)
    return nameOf(path, atOnce) ?? dirname(path).split('/')[0]
  }
  const joined = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(from, `${entry}.js`)])),
    platform: 'node',
    external: [/^node:/, 'pg'],
    preserveEntrySignatures: 'allow-extension',
  })
  await joined.write({
    dir: to,
    // All in one folder but for entries: what a module finds beside itself, it finds from there.
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minifyInternalExports: false,
    codeSplitting: { includeDependenciesRecursively: false, groups: [{ debugName: 'layers', name: fileOf }] },
  })
}

function nameOf(path, names) {
  return names.find(([, pattern]) => pattern.test(path))?.[0] ?? null
}

/** The modules that come with this one, without those that are imported while the program runs. */
function loadedWith(id, modules, loaded = new Set()) {
  if (loaded.has(id)) return loaded
  loaded.add(id)
  for (const imported of modules.getModuleInfo(id)?.importedIds ?? []) loadedWith(imported, modules, loaded)
  return loaded
}
