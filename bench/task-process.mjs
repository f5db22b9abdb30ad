// Processes that do one task each, given as JSON, and print one line of JSON: how they are started, and what a program of
// this kind does. None outlives the benchmark: it is killed at the end, and a child whose parent is gone ends by itself.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { failureText } from './failure.mjs'

const readyLine = 'ready\n'
const failedCode = 1
const never = new Promise(() => {})
const children = new Set()
let isEnding = false

/** Ends what still runs, when the benchmark itself is ended: it would go on writing where files are being removed. Whoever
 * waits for a task waits for ever from then on, so that nobody begins another. */
export async function endProcesses() {
  isEnding = true
  const ended = [...children].map((child) => once(child, 'exit'))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(ended)
}

/** `ready`: called when the task says that it is, which it does at most once; the child may go on when it resolves. Gives what
 * the task gave, which is its last line; undefined where it was killed: by itself, in a task called 'die', or here, when it
 * wasn't ready within `patienceMs`. */
export async function inProcess(program, task, { ready, patienceMs } = {}) {
  if (isEnding) await never
  // Through its input the child notices that this process is gone, however that came.
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  child.stdin.on('error', () => {}) // it has ended: what it printed and its code say why
  let isImpatient = false
  const giveUp = () => {
    isImpatient = true
    child.kill('SIGKILL')
  }
  const impatience = patienceMs === undefined ? undefined : setTimeout(giveUp, patienceMs)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', async (text) => {
    output += text
    if (!isLine(output, readyLine)) return
    output = output.replace(readyLine, '')
    clearTimeout(impatience)
    await ready?.()
    child.stdin.write(readyLine)
  })
  const [code, signal] = await once(child, 'close')
  clearTimeout(impatience)
  if (isEnding) await never
  if (isImpatient || (task.task === 'die' && signal === 'SIGKILL')) return undefined
  const told = `${task.task} of ${task.peer} in ${task.directory}`
  if (code === failedCode && output !== '') throw new Error(`${told}: ${output}`)
  if (code !== 0) throw new Error(`${told} ended with ${signal ?? code}`)
  return JSON.parse(output.trimEnd().split('\n').at(-1))
}

function isLine(output, line) {
  return output.startsWith(line) || output.includes(`\n${line}`)
}

/** The child's side: `work` is given the task, and what it gives is printed. */
export async function doTask(work) {
  process.stdin.once('end', () => process.exit(failedCode)).resume()
  process.stdin.unref()
  process.once('uncaughtException', tellFailure)
  console.log(JSON.stringify(await work(JSON.parse(process.argv[2]))))
}

export function sayReady() {
  writeSync(1, readyLine)
}

/** Resolves when the benchmark says that it may go on. */
export async function othersReady() {
  process.stdin.ref()
  sayReady()
  await once(process.stdin, 'data')
  process.stdin.unref()
}

function tellFailure(error) {
  writeSync(1, failureText(error))
  process.exit(failedCode)
}
