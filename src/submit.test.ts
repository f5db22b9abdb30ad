// Submitting across real processes. The children run the compiled modules, so they are compiled first, into a directory
// of their own. Latency is printed, not asserted: how busy the machine is, is no property of the code.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JournalEvent } from './journal/event.ts'
import { open } from './open.ts'
import { submit } from './submit.ts'

/** Holds the journal open; says so, and each event as it becomes durable. */
const ownerProgram = `
import { open } from './index.js'
const journal = await open(process.argv[2])
console.log('open')
setInterval(() => {}, 1_000_000)
for await (const event of journal.subscribe()) console.log(event.type)
`

/** Submits n changes, one after another, and prints how long each took. Nothing else keeps this process alive. */
const senderProgram = `
import { submit } from './index.js'
const [directory, count] = process.argv.slice(2)
const took = []
for (let number = 0; number < Number(count); number++) {
  const begin = performance.now()
  await submit(directory, 's', { type: 'sent', data: number }, { commandId: 'c' + number })
  took.push(performance.now() - begin)
}
console.log(JSON.stringify(took))
`

let compiled: string
let directory: string
const children: ChildProcess[] = []

beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'holdfast-compiled-'))
  const source = dirname(fileURLToPath(import.meta.url))
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  const options =
    '--ignoreConfig --target es2022 --module nodenext --types node --skipLibCheck --lib es2023,esnext.disposable'
  const places = ['--rewriteRelativeImportExtensions', '--rootDir', source, '--outDir', compiled]
  execFileSync(process.execPath, [compiler, ...options.split(' '), ...places, join(source, 'index.ts')])
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}')
  await writeFile(join(compiled, 'owner.js'), ownerProgram)
  await writeFile(join(compiled, 'sender.js'), senderProgram)
}, 60_000)
afterAll(async () => {
  await rm(compiled, { recursive: true })
})
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'holdfast-submit-')), 'journal')
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await rm(dirname(directory), { recursive: true })
})

interface Owner {
  readonly child: ChildProcess
  /** The next line that it prints. */
  line(): Promise<string>
}

async function startOwner(): Promise<Owner> {
  const child = spawn(process.execPath, [join(compiled, 'owner.js'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => String((await lines.next()).value)
  expect(await line()).toBe('open')
  return { child, line }
}

async function stored(): Promise<readonly unknown[]> {
  const journal = await open(directory, { readOnly: true })
  try {
    return (await journal.read().toArray()).map(({ data }: JournalEvent) => data)
  } finally {
    await journal.close()
  }
}

async function makeJournal(): Promise<void> {
  await (await open(directory)).close()
}

const change = { type: 'approved', data: 'yes' }

describe('submit', () => {
  it('reaches a running owner from another process', async () => {
    await startOwner()
    const sender = execFileSync(process.execPath, [join(compiled, 'sender.js'), directory, '20'], { encoding: 'utf8' })
    const took = (JSON.parse(sender) as number[]).sort((a, b) => a - b)
    console.log(`submit to a running owner: median ${took[10]?.toFixed(1)} ms, longest ${took.at(-1)?.toFixed(1)} ms`)
    expect(await stored()).toEqual(Array.from({ length: 20 }, (_, number) => number))
  }, 30_000)

  it('opens the journal itself where nobody has it open', async () => {
    await makeJournal()
    const receipt = await submit(directory, 's', change, { commandId: 'c' })
    expect(receipt).toMatchObject({ position: 1, durable: true, duplicate: false })
    const across = [{ ...change, stream: 't' }]
    expect(await submit(directory, across, { commandId: 'd', expect: { t: 'none' } })).toMatchObject({ position: 2 })
    expect(await submit(directory, 's', change, { commandId: 'c' })).toEqual({ ...receipt, duplicate: true })
    expect(await stored()).toEqual(['yes', 'yes'])
  })

  it('goes to the owner in this very process too, and brings its refusal back', async () => {
    const journal = await open(directory)
    await submit(directory, 's', change, { commandId: 'c' })
    const refused = submit(directory, 's', change, { commandId: 'd', expect: 5 })
    const direct = journal.append('s', change, { commandId: 'd', expect: 5 }).catch((error: unknown) => error)
    await expect(refused).rejects.toMatchObject({ code: 'SEQ_CONFLICT' })
    expect(await refused.catch((error: unknown) => error)).toEqual(await direct)
    await journal.close()
    expect(await stored()).toEqual(['yes'])
  })

  it.skipIf(process.platform === 'win32')(
    'ends with OWNER_SILENT at a stopped owner, and takes effect when it wakes up',
    async () => {
      const owner = await startOwner()
      owner.child.kill('SIGSTOP')
      const silent = submit(directory, 's', change, { commandId: 'c', timeout: 100 })
      await expect(silent).rejects.toMatchObject({ code: 'OWNER_SILENT', retryable: true })
      owner.child.kill('SIGCONT')
      expect(await owner.line()).toBe('approved')
      expect(await submit(directory, 's', change, { commandId: 'c' })).toMatchObject({ position: 1, duplicate: true })
      expect(await stored()).toEqual(['yes'])
    },
    20_000,
  )

  it.skipIf(process.platform === 'win32')(
    'notices when the owner dies instead, and applies it itself',
    async () => {
      const owner = await startOwner()
      owner.child.kill('SIGSTOP')
      const sent = submit(directory, 's', change, { commandId: 'c', timeout: '1m' })
      const silent = submit(directory, 's', change, { commandId: 'd', timeout: 200 })
      await expect(silent).rejects.toMatchObject({ code: 'OWNER_SILENT' })
      owner.child.kill('SIGKILL')
      expect(await sent).toMatchObject({ durable: true })
      expect(await stored()).toEqual(['yes', 'yes'])
    },
    60_000,
  )

  it('checks what it is given before it touches anything', async () => {
    const nameless = submit(directory, 's', change, {} as { commandId: string })
    await expect(nameless).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(submit(directory, 's', change, undefined as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const timeless = submit(directory, 's', change, { commandId: 'c', timeout: 'soon' })
    await expect(timeless).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(submit('memory:', 's', change, { commandId: 'c' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const aborted = submit(directory, 's', change, { commandId: 'c', signal: AbortSignal.abort() })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(submit(directory, 's', change, { commandId: 'c' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await mkdir(directory)
    await expect(submit(directory, 's', change, { commandId: 'c' })).rejects.toMatchObject({ code: 'JOURNAL_MISSING' })
    await writeFile(join(directory, 'mine'), 'x')
    await expect(submit(directory, 's', change, { commandId: 'c' })).rejects.toMatchObject({ code: 'NOT_A_JOURNAL' })
    expect(await readFile(join(directory, 'mine'), 'utf8')).toBe('x')
  })
})
