// Checks the package as a user gets it: packs it, installs the tarball into an empty project, imports every entry from
// plain JavaScript, compiles a typed consumer, and looks at what is in the tarball and what is not.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Budgets: what an install may cost. Raise them knowingly.
const packedBytesMax = 800_000
const unpackedBytesMax = 3_000_000
// What a start may cost: the files that `import 'holdfast'` loads.
const filesAtStartMax = 12
const bytesAtStartMax = 950_000

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-pack-'))
const problems = []

try {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const tarball = pack()
  const project = install(tarball.filename)
  const installed = join(project, 'node_modules', 'holdfast')
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  checkContents(installed)
  checkSizes(tarball)
  checkTargets(installed, manifest)
  checkStart(join(installed, manifest.exports['.'].default))
  checkImports(project, manifest)
  checkTypes(project)
  checkCommandLine(project, manifest)
  const sizes = `${kilobytes(tarball.size)} packed, ${kilobytes(tarball.unpackedSize)} unpacked, ${tarball.files.length} files`
  if (problems.length === 0) console.log(`package: ${sizes}`)
} catch (error) {
  problems.push(firstLine(error))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
for (const problem of problems) console.error(`package: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1

function pack() {
  const options = ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch]
  const [tarball] = JSON.parse(npm(options, root))
  return tarball
}

function install(filename) {
  const project = join(scratch, 'consumer')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  npm(['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', join(scratch, filename)], project)
  return project
}

function npm(options, cwd) {
  return execFileSync('npm', options, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
}

function checkContents(installed) {
  for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md', 'FORMAT.md', 'GUARANTEES.md']) {
    if (!existsSync(join(installed, name))) problems.push(`${name} is not in the tarball`)
  }
  // Read while the program runs: no import would miss it.
  if (!existsSync(join(installed, 'dist/stores/postgres/schema.sql'))) problems.push('schema.sql is not in the tarball')
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(installed, name)).isFile(),
  )
  for (const name of names) {
    if (/\.test\.|\.map$|(^|\/)test\/|\.tgz$/.test(name)) problems.push(`${name} must not be in the tarball`)
    if (/\.ts$/.test(name) && !name.endsWith('.d.ts')) problems.push(`${name} is a source, not a build`)
    const text = readFileSync(join(installed, name), 'utf8')
    if (text.includes(root)) problems.push(`${name} names a path of the machine that built it`)
    if (text.includes('sourceMappingURL')) problems.push(`${name} points to a source map`)
    if (/from '\.[^']*\.ts'/.test(text)) problems.push(`${name} imports a .ts file, which is not there`)
  }
}

function checkSizes({ size, unpackedSize }) {
  if (size > packedBytesMax) problems.push(`${kilobytes(size)} packed, more than ${kilobytes(packedBytesMax)}`)
  if (unpackedSize > unpackedBytesMax) {
    problems.push(`${kilobytes(unpackedSize)} unpacked, more than ${kilobytes(unpackedBytesMax)}`)
  }
}

function checkTargets(installed, { exports, bin = {}, dependencies = {} }) {
  const targets = [
    ...Object.values(exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target))),
    ...(typeof bin === 'string' ? [bin] : Object.values(bin)),
  ]
  for (const target of targets) {
    if (!existsSync(join(installed, target))) problems.push(`${target} is exported but not in the tarball`)
  }
  const names = Object.keys(dependencies)
  if (names.length > 0) problems.push(`has dependencies: ${names.join(', ')}`)
}

/** What few programs need is not loaded by all. */
function checkStart(entry) {
  const loaded = new Set([entry])
  let bytes = 0
  for (const file of loaded) {
    const text = readFileSync(file, 'utf8')
    bytes += text.length
    for (const [, path] of text.matchAll(/^(?:import|export)\b[^'"]*["'](\.[^'"]+)["']/gm))
      loaded.add(join(file, '..', path))
  }
  if (loaded.size > filesAtStartMax) problems.push(`an import loads ${loaded.size} files, more than ${filesAtStartMax}`)
  if (bytes > bytesAtStartMax)
    problems.push(`an import loads ${kilobytes(bytes)}, more than ${kilobytes(bytesAtStartMax)}`)
  const late = [...loaded].filter((file) => /(sql|sqlite|postgres)\.js$/.test(file))
  if (late.length > 0) problems.push(`an import loads ${late.join(', ')}, which is for databases`)
}

/** Each entry gives something; what is not an entry can't be reached. */
function checkImports(project, { name, exports }) {
  const entries = Object.keys(exports)
    .filter((entry) => !entry.endsWith('.json'))
    .map((entry) => name + entry.slice(1))
  const hidden = ['/dist/index.js', '/dist/journal.js', '/dist/engine/writer.js', '/src/index.ts', '/errors'].map(
    (path) => name + path,
  )
  const program = `
    for (const entry of ${JSON.stringify(entries)}) {
      const given = Object.keys(await import(entry))
      if (given.length === 0) console.log(entry + ' exports nothing')
    }
    for (const path of ${JSON.stringify(hidden)}) {
      const code = await import(path).then(() => 'it worked', (error) => error.code)
      if (code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') console.log('importing ' + path + ' should be refused, but: ' + code)
    }
    const { open, HoldfastError } = await import('${name}')
    const journal = await open('./journal')
    const { position } = await journal.append('notes/1', { type: 'note.added', data: { text: 'hi' } })
    const [event] = await journal.read().toArray()
    await journal.close()
    if (position !== 1 || event.data.text !== 'hi') console.log('what was appended was not read')
    const again = await open('./journal')
    if ((await again.head()).position !== 1) console.log('reopening lost the event')
    await again.close()
    if (typeof HoldfastError !== 'function') console.log('HoldfastError is not a class')
  `
  writeFileSync(join(project, 'imports.mjs'), program)
  const said = execFileSync(process.execPath, ['imports.mjs'], { cwd: project, encoding: 'utf8' })
  problems.push(...said.split('\n').filter((line) => line !== ''))
}

/** A consumer with every strict option, which also checks our declarations (no skipLibCheck). */
function checkTypes(project) {
  writeFileSync(join(project, 'consumer.ts'), consumer())
  const config = {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
    },
    files: ['consumer.ts'],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
  try {
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [compiler, '-p', '.'], { cwd: project, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    // Declarations of Node have errors of their own in newer compilers; every line of ours counts.
    const ours = String(error.stdout)
      .split('\n')
      .filter((line) => line.includes('error TS') && !line.includes('/@types/node/'))
    problems.push(...ours.map((line) => `a typed consumer doesn't compile: ${line}`))
  }
}

/** As npx finds it. */
function checkCommandLine(project, { bin, version }) {
  for (const name of Object.keys(bin)) {
    const program = join(project, 'node_modules', '.bin', name)
    const options = { cwd: project, encoding: 'utf8', shell: process.platform === 'win32' }
    if (execFileSync(program, ['--version'], options).trim() !== version)
      problems.push(`${name} --version is not ${version}`)
    const { rounds, problems: found } = JSON.parse(
      execFileSync(program, ['torture', '--rounds', '3', '--json'], options),
    )
    if (rounds !== 3 || found.length > 0) problems.push(`${name} torture: ${rounds} rounds, ${found.join(', ')}`)
  }
}

function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1000)} kB`
}

function firstLine(error) {
  const said = `${error.stderr ?? ''}${error.stdout ?? ''}`.trim() || String(error.message ?? error)
  return said.split('\n').find((line) => !line.startsWith('npm warn')) ?? said
}

function consumer() {
  return `
import { type Finding, HoldfastError, isHoldfastError, type Journal, type JournalEvent, open, type Receipt, type StandardSchema } from 'holdfast'
import { memoryJournal, registerConformance, SimulatedDisk, type StoreUnderTest } from 'holdfast/testing'

interface Added { readonly text: string; readonly count: number }

declare const added: StandardSchema<{ text: string; count?: number }, Added>

const events = { 'note.added': { schema: added } } as const

export async function use(): Promise<void> {
  await using journal = await open('./agent', { events })
  const receipt: Receipt = await journal.append('notes/42', { type: 'note.added', data: { text: 'hi' } }, { commandId: 'c', expect: 'none' })
  // @ts-expect-error -- data of another shape
  await journal.append('notes/42', { type: 'note.added', data: { text: 1 } })
  // @ts-expect-error -- a type that has no definition
  await journal.append('notes/42', { type: 'note.moved', data: { text: 'hi' } })
  // @ts-expect-error -- an option that doesn't exist
  await journal.append('notes/42', { type: 'note.added', data: { text: 'hi' } }, { commandID: 'c' })
  for await (const event of journal.read('notes/42', { from: receipt.seq })) {
    const count: number = event.data.count
    const type: 'note.added' = event.type
    void [count, type]
  }
  for await (const item of journal.subscribe({ from: 'now', signal: AbortSignal.timeout(1) })) {
    if ('notice' in item) {
      const cursor: string = item.notice === 'reset' ? item.startAgain : item.cursor
      void cursor
    } else {
      const text: string = item.data.text
      void text
    }
  }
  try {
    const plain: Journal = await open('memory:')
    const [first]: JournalEvent[] = await plain.tail(1)
    const data: unknown = first?.data
    // @ts-expect-error -- unknown data must be narrowed before use
    first?.data.text
    await plain.close()
    void data
  } catch (error) {
    if (isHoldfastError(error, 'DAMAGED')) void [error.hint, error.code === 'DAMAGED']
    if (error instanceof HoldfastError) void error.retryable
  }
  const findings: readonly Finding[] = (await journal.verify()).findings
  void findings
}

export function test(target: StoreUnderTest): void {
  registerConformance(target, { describe: (_name, body) => body(), it: () => undefined, skip: () => undefined })
  const { journal, clock } = memoryJournal({ seed: 7 })
  void [journal, clock, SimulatedDisk]
}
`
}
