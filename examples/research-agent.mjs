// A research agent that survives being killed: it searches, reads, writes and publishes in a folder, with a scripted model
// in place of a real one, so that it runs offline.
//
//   node examples/research-agent.mjs ./agent        kill it (Ctrl-C, kill -9) whenever you like, and run it again
//
// Put your own model in place of `scriptedModel`: a function that takes a request and returns { text, actions, usage }.

import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { entryOf, open } from 'holdfast'
import { scratchTools, scriptedModel } from 'holdfast/testing'
import { openWorld } from './world.mjs'

export const runId = 'research'
const question = 'Why are there two high tides a day?'

const library = {
  moon: 'The pull of the moon is stronger on the near side of the earth than on its far side.',
  bulge: 'The difference stretches the oceans into two bulges, one towards the moon and one away from it.',
  spin: 'The earth turns below the bulges once a day, so most coasts pass both of them.',
  sun: 'The sun adds to it at new and full moon: spring tides. It works against it in between: neap tides.',
}

// What the model answers in each iteration. A reply that needs what the tools gave is a function of the request.
const script = [
  {
    text: 'Look for sources.',
    actions: ['tide', 'moon', 'sun'].map((words) => ({ tool: 'search', input: { words } })),
  },
  ({ history }) => ({
    text: 'Read what was found.',
    actions: [...new Set(history[0].observations.flatMap(({ result }) => result))].map((source) => ({
      tool: 'read_source',
      input: { source },
    })),
  }),
  ({ history }) => ({
    text: 'Keep the notes, and get the figures.',
    actions: [
      { tool: 'write_file', input: { file: 'notes.txt', text: resultsOf(history[1]).join('\n') } },
      { tool: 'tide_table', input: { harbour: 'Brest' } },
    ],
  }),
  ({ history }) => ({
    text: 'Tidy up and write the draft.',
    actions: [
      { tool: 'delete_everything' },
      { tool: 'word_count', input: { file: 'notes.txt' } },
      { tool: 'write_file', input: { file: 'draft.txt', text: `${question}\n\n${resultsOf(history[1]).join(' ')}\n` } },
    ],
  }),
  {
    text: 'Deleting was denied. Have the draft judged.',
    actions: [{ tool: 'list_files' }, { tool: 'critic', input: { file: 'draft.txt' } }],
  },
  ({ history }) => ({
    text: 'Take the remark in.',
    actions: [
      {
        tool: 'write_file',
        input: {
          file: 'report.txt',
          text: `${question}\n\n${resultsOf(history[1]).join(' ')}\nAt Brest: ${resultsOf(history[2])[1].metres} m.\n(${resultsOf(history[4])[1]})\n`,
        },
      },
    ],
  }),
  {
    text: 'Look at it once more.',
    actions: [
      { tool: 'read_file', input: { file: 'report.txt' } },
      { tool: 'word_count', input: { file: 'report.txt' } },
    ],
  },
  { text: 'Publish it.', actions: [{ tool: 'publish', input: { file: 'published.txt', line: question } }] },
  ({ history }) => ({
    text: `Published: ${resultsOf(history[6])[1].words} words, ${resultsOf(history[7])[0].lines} line in the list.`,
  }),
]

const criticScript = [
  { text: 'Read it.', actions: [{ tool: 'read_file', input: { file: 'draft.txt' } }] },
  ({ history }) => ({ text: `the critic: ${resultsOf(history[0])[0].length} characters and no figures` }),
]

function resultsOf({ observations }) {
  return observations.map(({ result }) => result)
}

/** What runs, given the folder that it works in and the world that its calls are noted in. */
export function researchAgent(folder, world, seed = 1) {
  const scratch = scratchTools(folder)
  const asked = (name) => (request, context) => world.call(name, context, () => request)
  const tools = {
    ...scratch,
    search: {
      description: 'Names the sources that have one of { words }.',
      effect: 'pure',
      run: ({ words }) => Object.keys(library).filter((name) => words === 'tide' || library[name].includes(words)),
    },
    read_source: { description: 'Gives a { source }.', effect: 'pure', run: ({ source }) => library[source] },
    tide_table: {
      description: 'Gives the mean range at a { harbour }.',
      effect: 'idempotent',
      // The first attempt fails, always: the loop tries again.
      run(_, { key }) {
        if (!key.endsWith('#2')) throw new Error('the tide service is busy')
        return { metres: 4.4 }
      },
      recovery: [{ use: 'retry', times: 2, delay: 100 }, 'ask-model'],
    },
    delete_everything: { effect: 'once', run: () => 'gone' },
  }
  const noted = Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, world.noted(name, tool)]))
  // Between what it does and its answer some time goes by, as with any service: the worst moment to be killed.
  const publish = noted.publish
  noted.publish = {
    ...publish,
    async run(input, context) {
      const result = await publish.run(input, context)
      await world.onItsWay('publish', context)
      return result
    },
  }
  return {
    model: scriptedModel(script, { seed, onCall: asked('model') }),
    tools: noted,
    agents: {
      critic: {
        description: 'Judges the text of a { file }.',
        model: scriptedModel(criticScript, { seed, onCall: asked("the critic's model") }),
        tools: { read_file: noted.read_file },
      },
    },
    gate: ({ tool }) =>
      tool === 'delete_everything' ? { decision: 'deny', reason: 'nothing is ever deleted' } : 'allow',
    input: { question },
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string', default: '1' }, pace: { type: 'string', default: '400' } },
  })
  const directory = resolve(positionals[0] ?? 'agent')
  const folder = join(directory, 'files')
  await mkdir(folder, { recursive: true })
  // A parent that started this process is told what happens; a person sees lines.
  const tell = process.send === undefined ? say : (line) => process.send(line)
  const seed = Number(values.seed)
  const world = openWorld(join(directory, 'calls.jsonl'), { pace: Number(values.pace), seed, tell })

  const journal = await open(join(directory, 'journal'))
  const { seq } = await journal.head(`run/${runId}`)
  tell({ at: 'opened', recorded: seq })
  const followed = follow(journal, world)
  const outcome = await journal.agent(runId, researchAgent(folder, world, seed))
  tell({ at: 'outcome', outcome })
  await journal.close()
  await followed
  world.close()
  process.disconnect?.()
}

/** Notes what has become durable, as it does. */
async function follow(journal, world) {
  for await (const event of journal.subscribe({ select: `run/${runId}`, from: 'now', keepsAlive: false })) {
    if ('notice' in event) continue
    const { key, result } = event.data
    world.recorded({
      key: endsCall(event) ? key : `#${event.seq}`,
      seq: event.seq,
      type: event.type,
      entry: brief(entryOf(event), result),
    })
  }
}

/** Whether the event says how a call ended. */
function endsCall({ type, data }) {
  return data.key !== undefined && ('result' in data || 'error' in data || type === 'run.tool' || type === 'run.step')
}

function brief(entry) {
  if (entry === undefined) return undefined
  const { agent, iteration, text, reason, strategy, tool, decisions, dispatched } = entry
  return { agent, iteration, text, reason, strategy, tool, decisions, dispatched }
}

function say(line) {
  if (line.at === 'opened')
    console.log(line.recorded === 0 ? 'begins' : `goes on after ${line.recorded} recorded events`)
  if (line.at === 'begin') console.log(`  calls ${line.call}`)
  if (line.at === 'recorded' && line.entry !== undefined)
    console.log(`recorded ${line.type} (iteration ${line.entry.iteration})`)
  if (line.at === 'outcome') console.log(`${line.outcome.reason}: ${line.outcome.text}`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main()
