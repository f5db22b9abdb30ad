// Checks what the project depends on: nothing at run time; tools pinned to one version, locked with their checksums, and
// each explained in ARCHITECTURE.md; and no import of a package that isn't declared.

import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(read('package.json'))
const lock = JSON.parse(read('package-lock.json'))
const architecture = read('ARCHITECTURE.md')
const tools = manifest.devDependencies ?? {}
const problems = []

if (Object.keys(manifest.dependencies ?? {}).length > 0) problems.push('package.json has run-time dependencies')
for (const [name, version] of Object.entries(tools)) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`${name} is not pinned to one version: ${version}`)
  if (lock.packages['']?.devDependencies?.[name] !== version) problems.push(`package-lock.json is behind for ${name}`)
  if (lock.packages[`node_modules/${name}`]?.version !== version) problems.push(`${name} ${version} is not locked`)
  if (!architecture.includes(`\`${name}\``)) problems.push(`ARCHITECTURE.md doesn't say why ${name} is needed`)
}
for (const folder of ['', 'bench/', 'bench/peers/engines/', 'tools/mutation/', 'tools/postgres/'])
  checkLock(`${folder}package-lock.json`)
let count = 0
for (const folder of ['src', 'test', 'scripts', 'examples']) for (const file of filesOf(folder)) checkFile(file)

for (const problem of problems) console.error(`dependencies: ${problem}`)
if (problems.length === 0)
  console.log(`dependencies: 0 at run time, ${Object.keys(tools).length} tools, ${count} imports`)
process.exitCode = problems.length === 0 ? 0 : 1

/** What makes `npm ci` refuse a lock file, or take what nobody has vouched for. */
function checkLock(file) {
  const { packages } = JSON.parse(read(file))
  const { overrides = {} } = JSON.parse(read(file.replace('-lock', '')))
  for (const [path, entry] of Object.entries(packages)) {
    if (path !== '' && entry.link !== true && !entry.integrity) problems.push(`${file}: ${path} has no checksum`)
    const wanted = { ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies }
    for (const [name, range] of Object.entries(wanted)) {
      // An optional package for another system must be there as well: npm asks for it on every system.
      const found = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`]
      const isExact = /^\d+\.\d+\.\d+$/.test(range) && !(name in overrides)
      if (found === undefined) problems.push(`${file}: ${name}, which ${path || 'the project'} needs, is not locked`)
      else if (isExact && found.version !== range) problems.push(`${file}: ${path} needs ${name} ${range}`)
    }
  }
}

function checkFile(file) {
  for (const [, specifier] of read(file).matchAll(
    /^\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s+)?['"]([^'"./][^'"]*)['"]/gm,
  )) {
    count++
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    const isPublished = file.startsWith('src') && !file.endsWith('.test.ts')
    if (specifier.startsWith('node:') || name === manifest.name) continue
    if (builtinModules.includes(name)) problems.push(`${file} imports ${name} without node:`)
    else if (isPublished) problems.push(`${file} is published and imports ${name}`)
    else if (tools[name] === undefined) problems.push(`${file} imports ${name}, which package.json doesn't declare`)
  }
}

function filesOf(folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !name.includes('node_modules'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}

function read(file) {
  return readFileSync(join(root, file), 'utf8')
}
