// `npm run sim`: simulated runs by the thousand, or one of them told step by step.

import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { generatePlan } from './generate.ts'
import type { Plan } from './plan.ts'
import { type Outcome, simulate } from './run.ts'
import { shrink } from './shrink.ts'

const help = `Runs Holdfast on a simulated machine. All that happens follows from a seed.

  npm run sim                                1,000 seeds, from 1 on
  npm run sim -- --seeds 20000 --from 5000   so many, from there on
  SEED=123 npm run sim                       one seed; tells what is done and what came of it
  npm run sim -- --plan failing.json         a plan from a file (test/sim/regressions)

  --seed <n>       like SEED
  --verbose        with one seed or plan: every step (also VERBOSE=1)
  --twice          each seed twice, which must give the same trace and the same bytes
  --save <file>    where the plan of a violation is written, made as small as it gets
  --no-shrink      leave it as it is
  --json           the result as one line of JSON
  --help

It ends with 1 when a seed breaks a promise, and with 2 when the arguments are wrong.
`

interface Options {
  readonly seeds: number
  readonly from: number
  readonly twice: boolean
  readonly verbose: boolean
  readonly shrink: boolean
  readonly json: boolean
  readonly save: string | undefined
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      plan: { type: 'string' },
      save: { type: 'string' },
      verbose: { type: 'boolean', default: (process.env.VERBOSE ?? '') !== '' },
      twice: { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const options: Options = {
    seeds: whole(values.seeds, '--seeds'),
    from: whole(values.from, '--from'),
    twice: values.twice,
    verbose: values.verbose,
    shrink: !values['no-shrink'],
    json: values.json,
    save: values.save,
  }
  const seed = values.seed ?? process.env.SEED
  if (values.plan !== undefined) {
    const { plan } = JSON.parse(await readFile(values.plan, 'utf8')) as { readonly plan: Plan }
    return one(plan, options)
  }
  return seed === undefined ? many(options) : one(generatePlan(whole(seed, 'the seed')), options)
}

async function one(plan: Plan, options: Options): Promise<number> {
  const print = options.verbose && !options.json ? (line: string) => void process.stdout.write(`${line}\n`) : undefined
  if (!options.json) process.stdout.write(`${JSON.stringify(plan, undefined, 1)}\n`)
  const outcome = await checked(plan, options, print)
  if (outcome.violation !== undefined) return failed(plan, outcome, options)
  const { violation: _none, ...figures } = outcome
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ seed: plan.seed, ok: true, ...figures })}\n`
      : `seed ${plan.seed}: ${outcome.steps} steps, ${outcome.acknowledged} of ${outcome.appends} appends acknowledged, ${outcome.faults} faults\ntrace ${outcome.trace}\ndisk  ${outcome.disk}\n`,
  )
  return 0
}

async function many(options: Options): Promise<number> {
  const began = performance.now()
  const totals = { steps: 0, appends: 0, acknowledged: 0, faults: 0 }
  const isTerminal = process.stderr.isTTY === true
  for (let done = 0; done < options.seeds; done++) {
    const plan = generatePlan(options.from + done)
    const outcome = await checked(plan, options)
    if (outcome.violation !== undefined) return failed(plan, outcome, options)
    for (const key of ['steps', 'appends', 'acknowledged', 'faults'] as const) totals[key] += outcome[key]
    const isTime = (done + 1) % (isTerminal ? 20 : 500) === 0
    if (isTime && !options.json) progress(done + 1, options.seeds, began, isTerminal)
  }
  const seconds = (performance.now() - began) / 1_000
  const figures = {
    seeds: options.seeds,
    from: options.from,
    ...totals,
    perSecond: Math.round(options.seeds / seconds),
  }
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ok: true, ...figures })}\n`
      : `sim: ${figures.seeds} seeds from ${figures.from} on, ${figures.perSecond}/s: ${totals.steps} steps, ${totals.acknowledged} of ${totals.appends} appends acknowledged, ${totals.faults} faults; nothing found\n`,
  )
  return 0
}

function progress(done: number, of: number, began: number, isTerminal: boolean): void {
  const perSecond = Math.round(done / ((performance.now() - began) / 1_000))
  process.stderr.write(
    `${isTerminal ? '\r' : ''}sim: ${done} of ${of} seeds, ${perSecond}/s${isTerminal && done < of ? '' : '\n'}`,
  )
}

async function checked(plan: Plan, { twice }: Options, print?: (line: string) => void): Promise<Outcome> {
  const outcome = await simulate(plan, print)
  if (!twice || outcome.violation !== undefined) return outcome
  const again = await simulate(plan)
  if (again.trace === outcome.trace && again.disk === outcome.disk) return outcome
  throw new Error(`seed ${plan.seed} has two outcomes: ${outcome.trace} and ${again.trace}`)
}

async function failed(plan: Plan, outcome: Outcome, options: Options): Promise<number> {
  const { violation } = outcome
  const least = options.shrink ? await shrink(plan, outcome) : { plan, violation, runs: 0 }
  const { kind, message } = least.violation ?? { kind: '', message: '' }
  const file = `${JSON.stringify({ found: message, plan: least.plan }, undefined, 1)}\n`
  if (options.save !== undefined) await writeFile(options.save, file)
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ok: false, seed: plan.seed, kind, message, plan: least.plan })}\n`)
  else {
    process.stdout.write(`\nSEED=${plan.seed} breaks a promise: ${violation?.message ?? ''}\n`)
    process.stdout.write(`made smaller in ${least.runs} runs: ${message}\n${file}`)
    process.stdout.write(
      `replay it with: SEED=${plan.seed} npm run sim; keep it with --save test/sim/regressions/<name>.json\n`,
    )
  }
  return 1
}

function whole(text: string, what: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number
  throw new TypeError(`${what} must be a whole number, not ${text}`)
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const isUsage = error instanceof TypeError
    process.stderr.write(`sim: ${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
    if (isUsage) process.stderr.write('sim: --help tells what can be given\n')
    process.exitCode = isUsage ? 2 : 1
  },
)
