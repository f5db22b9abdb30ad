// A child that copies a journal and tells each step, to be killed at one of them.
// Usage: node copying.mjs <from> <to> [fork]

import { copyJournal } from '../../dist/index.js'

const [from, to, fork] = process.argv.slice(2)
const say = (text) => process.stdout.write(`${text}\n`)
say('begun')
const report = await copyJournal(from, to, {
  fork: fork === 'fork',
  segmentBytes: 65_536,
  progress: ({ stage, events }) => say(`${stage} ${events}`),
})
say(`done ${report.resumedAt}`)
