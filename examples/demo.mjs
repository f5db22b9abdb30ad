// `npm start`: a research agent is killed with SIGKILL at several random moments and started again, until its work is done.
// Then the proof: what it did, compared with the same agent undisturbed.
//
//   npm start                        in a temporary directory, removed afterwards
//   npm start -- ./demo              in a directory that stays, to look further
//   npm start -- --seed 7            the same moments again
//
// What is counted comes from a book that every real call of the model and of the tools writes into (world.mjs), not from
// the journal: a call that was made again would stand in it.

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { agentEvents } from 'holdfast'
import { prng } from 'holdfast/testing'
import { findings, isModel, isTool, sum, summaryOf, total } from './demo/findings.mjs'
import { live } from './demo/life.mjs'
import { runId } from './research-agent.mjs'

const killsWanted = 7
const pace = 220
const usage = `Usage: npm start -- [directory] [--seed n] [--json] [--help]

Kills a research agent with SIGKILL at random moments, starts it again until it is done, and proves that nothing was lost
and nothing done twice. Offline, under a minute.

  directory   where it works; must be new. By default a temporary directory that is removed afterwards
  --seed n    which moments; the same again for the same number. Chosen at random by default
  --json      print the figures as one line of JSON, and nothing else
  --help      print this`

const { values, positionals } = parseOptions()
const hasColor = process.stdout.isTTY && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb'
const paint = (code) => (text) => (hasColor ? `\u001b[${code}m${text}\u001b[0m` : text)
const [bold, red, green, dim] = [paint(1), paint(31), paint(32), paint(2)]
const say = values.json ? () => undefined : (line = '') => console.log(line)

if (values.help) console.log(usage)
else await demonstrate()

function parseOptions() {
  const fail = (message) => {
    console.error(`${message}\n\n${usage}`)
    process.exit(2)
  }
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: { seed: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
    const { seed } = parsed.values
    if (seed !== undefined && !/^\d{1,9}$/.test(seed)) fail('--seed takes a whole number')
    if (parsed.positionals.length > 1) fail('Give one directory')
    const [chosen] = parsed.positionals
    if (chosen !== undefined && existsSync(chosen)) fail(`${chosen} is there already: choose a new directory`)
    return parsed
  } catch (error) {
    return fail(error.message)
  }
}

async function demonstrate() {
  const seed = values.seed === undefined ? Math.floor(Math.random() * 10_000) : Number(values.seed)
  const [chosen] = positionals
  const directory = chosen === undefined ? await mkdtemp(join(tmpdir(), 'holdfast-')) : resolve(chosen)
  const places = { undisturbed: join(directory, 'undisturbed'), killed: join(directory, 'killed') }
  // What went wrong is kept to be looked at.
  let isKept = true
  try {
    for (const place of Object.values(places)) await mkdir(place, { recursive: true })
    say(bold('An agent that is killed again and again'))
    say(`It searches, reads, writes and publishes in ${directory}, with a scripted model. Seed ${seed}.`)
    say()
    say(bold('1. Undisturbed, to compare with'))
    const began = performance.now()
    const undisturbed = await live(places.undisturbed, { seed, pace: 0 })
    const expected = await findings(places.undisturbed, undisturbed.recorded)
    say(
      `   ${sum(expected.calls, isModel)} calls of the model and ${sum(expected.calls, isTool)} of tools, ${expected.events} events: ${undisturbed.outcome.text}`,
    )
    say()
    say(bold('2. The same agent, killed with SIGKILL at random moments'))
    const { outcome, kills, recorded } = await killUntilDone(places.killed, seed)
    say()
    const found = await findings(places.killed, recorded)
    const isGood = await prove({ expected, found, outcomes: [undisturbed.outcome, outcome], places, kills })
    const figures = {
      ok: isGood,
      seed,
      kills,
      seconds: Math.round((performance.now() - began) / 1000),
      ...summaryOf(found),
      undisturbed: summaryOf(expected),
    }
    if (values.json) console.log(JSON.stringify(figures))
    isKept = chosen !== undefined || !isGood
    say()
    lookFurther(places.killed, isKept, seed)
    if (!isGood) process.exitCode = 1
  } finally {
    if (!isKept) await rm(directory, { recursive: true, force: true })
  }
}

async function killUntilDone(directory, seed) {
  const chance = prng(seed)
  const recorded = []
  let kills = 0
  let hasPublished = false
  for (let life = 1; ; life++) {
    // How many things happen in this life before the kill, and how far into a call it comes.
    let left = kills < killsWanted ? 5 + chance.below(12) : Number.POSITIVE_INFINITY
    const share = 0.2 + chance.below(50) / 100
    const killWhen = (line) => {
      // Once in the worst moment: it is published, and nobody knows.
      if (line.at === 'answering' && !hasPublished) {
        hasPublished = true
        return pace / 4
      }
      if (line.at !== 'begin' && line.at !== 'recorded') return undefined
      left -= 1
      if (left > 0) return undefined
      return line.at === 'begin' ? line.ms * share : 0
    }
    say(`   ${bold(`life ${life}`)}`)
    const ended = await live(directory, { seed, pace, killWhen, show: showLine })
    recorded.push(...ended.recorded)
    if (!ended.wasKilled) return { outcome: ended.outcome, kills, recorded }
    kills += 1
    say(`     ${red('KILLED')} ${momentOf(ended.last)}`)
  }
}

function showLine(line) {
  if (line.at === 'opened' && line.recorded > 0) {
    say(`     ${green('goes on')} after ${line.recorded} recorded events: what they hold is not done again`)
  }
  if (line.at === 'begin') say(dim(`       ${line.call} …`))
  const text = line.at === 'recorded' ? phaseOf(line) : undefined
  if (text !== undefined) say(`     ${text}`)
}

/** A boundary between two phases, for people. */
function phaseOf({ type, entry }) {
  if (entry === undefined) return undefined
  const who = entry.agent === runId ? '' : `[${entry.agent.slice(runId.length + 1)}] `
  if (type === agentEvents.reasoned) return `${who}iteration ${entry.iteration}: ${entry.text}`
  if (type === agentEvents.evaluated) {
    const denied = entry.decisions.filter(({ decision }) => decision === 'deny')
    return denied.length === 0 ? undefined : `${who}the gate denies: ${denied.map(({ reason }) => reason).join(', ')}`
  }
  if (type === agentEvents.recovering) return `${who}${entry.tool} failed: ${entry.strategy}`
  return type === agentEvents.terminated ? `${who}ends: ${entry.reason}` : undefined
}

function momentOf({ at, call, type, entry }) {
  if (at === 'begin') return `in the middle of a call: ${call}`
  if (at === 'answering') return `when ${call} had taken effect and had not answered yet`
  return `right after ${type}${entry === undefined ? '' : ` of iteration ${entry.iteration}`} was recorded`
}

async function prove({ expected, found, outcomes: [wanted, outcome], places, kills }) {
  const checks = []
  const check = (isTrue, text) => {
    checks.push(isTrue)
    say(`   ${isTrue ? green('ok  ') : red('BAD ')} ${text}`)
  }
  say(bold(`3. The proof: after ${kills} kills, as if there had been none`))
  say(
    `   ${'calls that were made'.padEnd(26)}${'undisturbed'.padStart(12)}${'killed'.padStart(8)}${'cut off by a kill'.padStart(20)}`,
  )
  for (const name of new Set([...expected.calls.keys(), ...found.calls.keys()])) {
    const [left, right] = [expected.calls.get(name)?.ended ?? 0, found.calls.get(name)?.ended ?? 0]
    const cutOff = found.calls.get(name)?.cutOff ?? 0
    say(
      `   ${name.padEnd(26)}${String(left).padStart(12)}${String(right).padStart(8)}${(cutOff === 0 ? '' : String(cutOff)).padStart(20)}`,
    )
  }
  say(
    dim(
      '   A call that was cut off had no end, and is made again, where it may be. One kill fell just when publish, which is',
    ),
  )
  say(dim('   `once`, had taken effect and had not answered: then the list is looked at, and it is not called again.'))
  const same = [...expected.calls].every(([name, { ended }]) => found.calls.get(name)?.ended === ended)
  const unrecorded = total(found.calls, 'unrecorded')
  check(same && found.calls.size === expected.calls.size, 'each call was made as often as undisturbed')
  check(total(found.calls, 'repeated') === 0, 'no call was made again once its outcome was recorded')
  check(
    (found.calls.get('publish')?.unrecorded ?? 0) === 0,
    'publish, which is `once`, was not called again when it had ended',
  )
  if (unrecorded > 0) {
    say(
      `        ${unrecorded} ended in the very instant before its outcome could be recorded, and was made again, as it may be: nobody could know of it.`,
    )
  }
  check(
    found.published === 1,
    `published once (${found.published} line in the list), though a kill came before its answer`,
  )
  check(
    found.missing === 0,
    `${found.acknowledged} events were acknowledged, ${found.acknowledged - found.missing} of them are found`,
  )
  const sameEnd = outcome?.reason === wanted.reason && outcome.text === wanted.text && outcome.tokens === wanted.tokens
  check(
    sameEnd && found.report === expected.report,
    `the same end (${outcome?.reason}, ${outcome?.tokens} tokens) and the same report, letter for letter`,
  )
  check(found.phases === expected.phases, `${found.phases} phases recorded, as many as undisturbed`)
  check(found.isVerified && expected.isVerified, `verify: ${found.records} records, no damage`)
  const isGood = checks.every(Boolean)
  say()
  say(
    isGood
      ? bold('Nothing was lost, and nothing was done twice.')
      : red(`This must not happen: please report it with ${places.killed}.`),
  )
  return isGood
}

function lookFurther(directory, isKept, seed) {
  const shown = relative(process.cwd(), directory)
  const where = shown.startsWith('..') ? directory : shown
  say(bold('Look further'))
  if (!isKept) {
    say(
      `   npm start -- ./demo --seed ${seed}        the same again, in a directory that stays; then, in place of this one:`,
    )
  }
  const at = isKept ? where : 'demo/killed'
  say(`   tail -n 3 ${at}/journal/segments/*.jsonl      the journal is text`)
  say(`   cat ${at}/files/report.txt ${at}/calls.jsonl      what it wrote, and every call that was made`)
  say(`   node examples/research-agent.mjs ./mine      the agent alone: kill it yourself, and start it again`)
}
