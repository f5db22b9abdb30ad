import { execFileSync } from 'node:child_process'
import { existsSync, watch } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CommandLine, holdfast } from './command-line.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let parent: string

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-cli-'))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

describe('the command line', () => {
  it('says what there is, and its version', async () => {
    expect(await holdfast()).toMatchObject({ code: 0, out: expect.stringContaining('torture') })
    expect(await holdfast('--help')).toEqual(await holdfast())
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string }
    expect(await holdfast('--version')).toMatchObject({ code: 0, out: `${version}\n` })
    const help = await holdfast('torture', '--help')
    expect(help).toMatchObject({ code: 0, out: expect.stringContaining('--minutes') })
    expect(await holdfast('help', 'torture')).toEqual(help)
  })

  it.each([
    [['forget']],
    [['--forget']],
    [['torture', '--forget']],
    [['torture', '--rounds', 'many']],
    [['torture', '--minutes', '0']],
    [['torture', '--seed']],
    [['torture', '--rounds', '1', '--minutes', '1']],
    [['torture', 'a', 'b']],
  ])('refuses %j with code 2 and a line that says why', async (args) => {
    const { code, out, err } = await holdfast(...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^holdfast: .+\nTry: holdfast .*--help\n$/)
  })
})

describe('holdfast torture', { timeout: 120_000 }, () => {
  it('works below the directory that it is given, reports, and leaves nothing', async () => {
    const directory = join(parent, 'new')
    const { code, out } = await holdfast('torture', directory, '--rounds', '3', '--seed', '7', '--json')
    const report = JSON.parse(out) as Record<string, unknown>
    expect(code).toBe(0)
    expect(report).toMatchObject({ seed: 7, rounds: 3, problems: [], stopped: false, flips: { tried: 6 } })
    expect(report.acknowledged).toBeGreaterThan(0)
    expect(existsSync(directory)).toBe(false)
  })

  it('keeps what it is told to keep, and works beside it again', async () => {
    const first = await holdfast('torture', parent, '--rounds', '1', '--keep', '--json')
    const { directory } = JSON.parse(first.out) as { readonly directory: string }
    expect(await readdir(directory)).toContain('journal-1')
    const second = await holdfast('torture', parent, '--rounds', '1')
    expect(second).toMatchObject({ code: 0, out: expect.stringContaining('none lost') })
    expect(await readdir(parent)).toHaveLength(1)
  })

  it('touches nothing that is not its own', async () => {
    await writeFile(join(parent, 'mine'), 'precious')
    expect(await holdfast('torture', parent, '--rounds', '1')).toMatchObject({ code: 2 })
    expect(await holdfast('torture', join(parent, 'mine'), '--rounds', '1')).toMatchObject({ code: 2 })
    await rm(join(parent, 'mine'))
    await mkdir(join(parent, 'torture-1-1'))
    await writeFile(join(parent, 'torture-1-1', 'mine'), 'precious')
    expect(await holdfast('torture', parent, '--rounds', '1')).toMatchObject({ code: 2 })
    expect(await readFile(join(parent, 'torture-1-1', 'mine'), 'utf8')).toBe('precious')
  })

  it('ends with the report so far when it is interrupted', async () => {
    const begun = new Promise<void>((resolve) => {
      const watcher = watch(parent, () => {
        watcher.close()
        resolve()
      })
    })
    const run = new CommandLine('torture', parent, '--minutes', '60', '--json')
    await begun
    run.interrupt()
    const { code, out } = await run.ended
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ problems: [], stopped: true })
    expect(await readdir(parent)).toEqual([])
  })

  it('ends with code 1, says what is lost, and leaves the files, when something is', async () => {
    // Somebody takes what was synced away: the segments of the journal, while it is being written to.
    const run = new CommandLine('torture', parent, '--rounds', '1000', '--seed', '3', '--json')
    const taken = takeSegments()
    const { code, out } = await run.ended
    await taken
    const report = JSON.parse(out) as { readonly problems: readonly string[]; readonly directory: string }
    expect([code, report.problems.length]).toEqual([1, 1])
    expect(existsSync(report.directory)).toBe(true)
  })
})

/** Empties the first journal as soon as it has grown over one segment. */
async function takeSegments(): Promise<void> {
  for (;;) {
    const [run] = await readdir(parent)
    const segments = join(parent, String(run), 'journal-1', 'segments')
    const names = run === undefined ? [] : await readdir(segments).catch((): string[] => [])
    const [first, second] = names.filter((name) => name.endsWith('.jsonl')).sort()
    if (first !== undefined && second !== undefined) return rm(join(segments, first))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
