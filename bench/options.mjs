// What can be asked of the benchmark on its command line.

import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { toCome, works, worksNamed, worksText } from './works/all.mjs'
import { growth } from './works/scale.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))

export const usage = `npm run bench -- [options]

  --quick          small sizes and 3 rounds: at most 3 minutes
  --full           the largest sizes (10,000,000 events): takes long, and 15 GB of disk
  --works W1,W2    only these; there are ${worksText()}
  --rounds N       rounds per figure (5; 3 with --quick)
  --json FILE      where the figures are kept (bench/results/, named by the time)
  --svg FILE       where the plot of scale is drawn (bench/results/scale.svg)
  --dir DIR        where journals are made: on the disk that is to be measured (bench/.scratch)
  --force          with --dir: measures in memory (tmpfs) too, where a sync costs nothing
  --help

W9 and stores start a PostgreSQL server of their own, whose programs are installed into tools/postgres at the first time.
So do W6a to W6c without --quick, whose peers are installed into bench/peers/engines at the first time (300 MB).
To come: ${[...toCome].map(([name, { feature }]) => `${name} with ${feature}`).join(', ')}.`

/** Throws an Error that says what is wrong. */
export function readOptions(given, now) {
  const { values } = parseArgs({
    args: given,
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      works: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      svg: { type: 'string' },
      dir: { type: 'string' },
      force: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return { help: true }
  for (const name of ['works', 'rounds', 'json', 'svg', 'dir']) {
    if (values[name]?.trim() === '') throw new Error(`--${name} is said with nothing behind it`)
  }
  if (values.quick && values.full) throw new Error('--quick and --full exclude each other')
  if (values.force && values.dir === undefined) throw new Error('--force is said together with --dir')
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1')
  const results = join(here, 'results')
  const wanted = values.works === undefined ? works : worksNamed(values.works.split(','))
  if (values.svg !== undefined && !wanted.includes(growth))
    throw new Error('--svg is drawn by scale, which --works leaves out')
  return {
    works: wanted,
    scale: values.quick ? 'quick' : values.full ? 'full' : 'normal',
    rounds,
    json: resolve(values.json ?? join(results, `${now.toISOString().replaceAll(':', '-')}.json`)),
    svg: resolve(values.svg ?? join(results, 'scale.svg')),
    directory: resolve(values.dir ?? join(here, '.scratch')),
    mayBeInMemory: values.force,
  }
}
