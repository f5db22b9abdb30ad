// `npm run check`: everything that must hold before a commit is worth reviewing, but for the tests themselves. Each check
// says one line; one that fails says what, and how to see all of it. `npm run check -- lint` runs that one alone.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = process.execPath
const checks = [
  { name: 'types', command: [node, 'node_modules/typescript/bin/tsc', '-p', '.', '--pretty', 'false'] },
  {
    name: 'lint',
    command: [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--reporter=github', '.'],
  },
  {
    name: 'layers',
    command: [node, 'node_modules/vitest/vitest.mjs', 'run', '--reporter=tap-flat', 'test/architecture'],
  },
  { name: 'dependencies', command: [node, 'scripts/dependency-check.mjs'] },
  { name: 'package', command: [node, 'scripts/pack-check.mjs'] },
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name))
if (unknown.length > 0) {
  console.error(
    `check: no check is called ${unknown.join(', ')}; there are ${checks.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}

const failed = []
for (const check of checks) {
  if (wanted.length > 0 && !wanted.includes(check.name)) continue
  const began = performance.now()
  const { code, output } = await run(check.command)
  const seconds = `${((performance.now() - began) / 1000).toFixed(1)} s`
  if (code === 0)
    console.log(`ok    ${check.name.padEnd(13)} ${seconds.padStart(6)}  ${lastWords(check.name, output)}`.trimEnd())
  else {
    failed.push(check.name)
    console.log(`FAIL  ${check.name.padEnd(13)} ${seconds.padStart(6)}  ${firstFault(output)}`)
  }
}
console.log(failed.length === 0 ? 'check: all is well' : `check: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function run([file, ...options]) {
  return new Promise((resolve) => {
    const child = spawn(file, options, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    let output = ''
    const take = (chunk) => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.on('error', (error) => resolve({ code: 1, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** What a check that is fine has to say, when that is a figure. */
function lastWords(name, output) {
  const said = output.split('\n').find((line) => line.startsWith(`${name}: `))
  return said === undefined ? '' : said.slice(name.length + 2)
}

/** The line that says most, and how many such lines there are. */
function firstFault(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const faults = lines.filter((line) => /error TS|^::(error|warning)|^not ok|^\w+: /.test(line))
  const [first = lines[0] ?? 'it said nothing'] = faults
  const more = faults.length > 1 ? `  (and ${faults.length - 1} more)` : ''
  return readable(first) + more
}

function readable(line) {
  const place = /^::\w+ .*?file=([^,]+),line=(\d+).*?::(.*)$/.exec(line)
  return place === null ? line : `${place[1]}:${place[2]} ${place[3]}`
}
