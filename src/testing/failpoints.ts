// The places at which a process that writes a journal is killed: between two lines where a crash matters, each named, with
// what must hold when the process has died there. In the order of a journal's life.

import type { Failpoint, FailpointCall } from './failpoint-disk.ts'

const segment = /^segments\/\d{20}(_\d{4})?\.jsonl$/
const segmentPart = /^segments\/.*\.jsonl(\.\d+)?\.part$/
const chunk = /^blobs\/..\/[0-9a-f]{64}$/
const chunkPart = /^blobs\/..\/.*\.part$/
const command = /^inbox\/.*\.json$/
const reply = /^inbox\/.*\.reply$/

type Match = (call: FailpointCall) => boolean

function call(op: FailpointCall['op'], path: RegExp, more: Match = () => true): Match {
  return (one) => one.op === op && path.test(one.path) && more(one)
}

/** The rename that gives a file this name. */
function naming(to: RegExp, more: Match = () => true): Match {
  return (one) => one.op === 'rename' && one.to !== undefined && to.test(one.to) && more(one)
}

/** A group of records on its way to the active segment that holds this text. */
function recordWith(text: string): Match {
  return call('write', segment, ({ content }) => content !== undefined && Buffer.from(content).includes(text))
}

const isOpen: Match = ({ phase }) => phase === 'open'
const isOpening: Match = ({ phase }) => phase === 'opening'
/** Segments that appends go to are made for synced writing; those that retention rewrites are not. */
const isRotation: Match = ({ phase, made }) => phase === 'open' && made === 'synced'
const isRewrite: Match = ({ phase, made }) => phase === 'open' && made === 'write'

export const failpoints: readonly Failpoint[] = [
  {
    name: 'fence: written, its name not synced',
    when: 'after',
    at: call('sync', /^fences\/0{7}1\.json$/),
    holds: 'there is no journal yet, and the next opening makes one',
  },
  {
    name: 'creation: the first segment named',
    when: 'after',
    at: naming(/^segments\/0{19}1\.jsonl$/, isOpening),
    holds: 'there is no journal yet, and the next opening makes one, the segment anew',
  },
  {
    name: 'creation: identity not named',
    when: 'before',
    at: naming(/^journal\.json$/),
    holds: 'there is no journal yet, and the next opening makes one',
  },
  {
    name: 'creation: identity named, the name not synced',
    when: 'after',
    at: naming(/^journal\.json$/),
    holds: 'the journal is there, whole and empty',
  },
  {
    name: 'takeover: the newer fence written',
    when: 'after',
    at: call('sync', /^fences\/(?!0{7}1\.)/),
    holds: 'the former owner can append no more, and the next opening goes on in a segment of its own',
  },
  {
    name: 'append: before the write',
    when: 'before',
    at: call('write', segment, isOpen),
    holds: 'nothing of the group is there',
  },
  {
    name: 'append: half written',
    when: 'torn',
    at: call('write', segment, isOpen),
    holds: 'a prefix of the batches of the group is there, the torn one is cut after a copy',
  },
  {
    name: 'append: durable, not acknowledged',
    when: 'after',
    at: call('write', segment, isOpen),
    holds: 'all of the group is there, though nobody was told',
  },
  {
    name: 'append: place not published',
    when: 'before',
    at: call('write', /^durable$/, isOpen),
    holds: 'what was acknowledged is found above the last witness and is written anew before it is served',
  },
  {
    name: 'append: place half published',
    when: 'torn',
    at: call('write', /^durable$/, isOpen),
    holds: 'a torn place says nothing, and costs nothing',
  },
  {
    name: 'append: place published',
    when: 'after',
    at: call('write', /^durable$/, isOpen),
    holds: 'it never leads: all that it covers is there',
  },
  {
    name: 'rotation: next segment written, not synced',
    when: 'after',
    at: call('write', segmentPart, isRotation),
    holds: 'it has no name and is removed; the old segment is the active one',
  },
  {
    name: 'rotation: next segment synced, not named',
    when: 'before',
    at: naming(segment, isRotation),
    holds: 'as before, with content that is durable',
  },
  {
    name: 'rotation: next segment named, the name not synced',
    when: 'after',
    at: naming(segment, isRotation),
    holds: 'the old segment is sealed as the new header says, and nothing stands in the new one',
  },
  {
    name: 'rotation: name synced, caches not written',
    when: 'after',
    at: call('syncDirectory', /^segments$/, isRotation),
    holds: 'the next opening folds the sealed segment itself',
  },
  {
    name: 'index: half written',
    when: 'torn',
    at: call('write', /^index\//),
    holds: 'an index is a cache: it is made again',
  },
  {
    name: 'index: named, not mentioned',
    when: 'after',
    at: naming(/^index\//),
    holds: 'no state table names it yet: it is made again',
  },
  {
    name: 'state table: named, not listed',
    when: 'after',
    at: naming(/^state\/\d+\.table$/),
    holds: 'the manifest is the old one, and the stray table is removed',
  },
  {
    name: 'state manifest: written, not swapped',
    when: 'before',
    at: naming(/^state\/manifest\.json$/),
    holds: 'the old tables are valid, and the log behind them is folded',
  },
  {
    name: 'state manifest: swapped, not synced',
    when: 'after',
    at: naming(/^state\/manifest\.json$/),
    holds: 'the new tables are valid, and their segments are not folded again',
  },
  {
    name: 'state table: a merged one removed',
    when: 'after',
    at: call('remove', /^state\/\d+\.table$/),
    holds: 'nothing lists it any more',
  },
  {
    name: 'retention: journaled',
    when: 'after',
    at: recordWith('"control":"retain"'),
    holds: 'what goes is no longer shown, all of it, though its bytes are there',
  },
  {
    name: 'retention: blobs journaled as gone',
    when: 'after',
    at: recordWith('"gone":true'),
    holds: 'they can be put again, and their files are swept later',
  },
  {
    name: 'retention: a chunk removed',
    when: 'after',
    at: call('remove', chunk),
    holds: 'nothing that is retained names it',
  },
  {
    name: 'retention: segment half rewritten',
    when: 'torn',
    at: call('write', segmentPart, isRewrite),
    holds: 'the part is removed, the old segment is the valid one',
  },
  {
    name: 'retention: rewritten segment synced, its name not',
    when: 'after',
    at: call('sync', segmentPart, isRewrite),
    holds: 'the log does not speak of it yet: the part is removed',
  },
  {
    name: 'retention: rewrite journaled',
    when: 'after',
    at: recordWith('"control":"rewrite"'),
    holds: 'the next opening puts the part in its place',
  },
  {
    name: 'retention: rewritten segment named, the name not synced',
    when: 'after',
    at: naming(segment, isRewrite),
    holds: 'the next opening takes the rewritten segment for the valid one, and removes the others',
  },
  {
    name: 'retention: rewritten segment in place',
    when: 'after',
    at: call('syncDirectory', /^segments$/, isRewrite),
    holds: 'as before, and durably so',
  },
  {
    name: 'retention: a replaced segment removed',
    when: 'after',
    at: call('remove', segment, isOpen),
    holds: 'the next opening removes the others that were merged with it',
  },
  {
    name: 'recovery: names of the former process not synced',
    when: 'before',
    at: call('syncDirectory', /^segments$/, isOpening),
    holds: 'nothing was changed: the next opening finds what this one found',
  },
  {
    name: 'recovery: torn tail copied, not cut',
    when: 'after',
    at: call('sync', /^set-aside\//, isOpening),
    holds: 'the next opening copies again, beside the first copy, and cuts',
  },
  {
    name: 'recovery: carried tail written, not named',
    when: 'after',
    at: call('write', segmentPart, isOpening),
    holds: 'the old segment is untouched and is carried again',
  },
  {
    name: 'recovery: carried tail named, the old one not cut',
    when: 'before',
    at: call('truncate', segment, isOpening),
    holds: 'what stands in both is counted once',
  },
  {
    name: 'recovery: tail cut, not synced',
    when: 'after',
    at: call('truncate', segment, isOpening),
    holds: 'the old segment is as long as the new header says, or is cut again',
  },
  {
    name: 'blob: a chunk half written',
    when: 'torn',
    at: call('write', chunkPart),
    holds: 'it has no name, no event names the blob, and the part is swept',
  },
  {
    name: 'blob: a chunk synced, not named',
    when: 'before',
    at: naming(chunk),
    holds: 'as before',
  },
  {
    name: 'blob: chunks named, no event',
    when: 'after',
    at: naming(chunk),
    holds: 'a chunk that is there is used again after it was checked, or is swept',
  },
  {
    name: 'inbox: a command named, the name not synced',
    when: 'after',
    at: naming(command),
    holds: 'the command takes effect at the next opening, once',
  },
  {
    name: 'inbox: applied, not answered',
    when: 'before',
    at: call('open', /^inbox\/.*\.reply\.part$/),
    holds: 'applied again it gives the first receipt, by its id',
  },
  {
    name: 'inbox: answered, not removed',
    when: 'after',
    at: naming(reply),
    holds: 'a command with a reply beside it is not applied again',
  },
  {
    name: 'inbox: a command removed',
    when: 'after',
    at: call('remove', command),
    holds: 'its effect and its id are in the journal',
  },
  {
    name: 'backup: a segment copied',
    when: 'after',
    at: call('sync', /^backup\/segments\//),
    holds: 'nothing stands under the name of the backup',
  },
  {
    name: 'backup: whole, not named',
    when: 'before',
    at: call('commit', /^backup$/),
    holds: 'as before, and the next backup clears it away',
  },
  {
    name: 'backup: named',
    when: 'after',
    at: call('commit', /^backup$/),
    holds: 'it opens, verifies, and is a prefix of the journal',
  },
  {
    name: 'import: whole, not named',
    when: 'before',
    at: call('commit', /^import$/),
    holds: 'nothing stands under its name, and the next import clears it away',
  },
  {
    name: 'import: named',
    when: 'after',
    at: call('commit', /^import$/),
    holds: 'it opens, verifies, and is a prefix of the journal that was exported',
  },
  {
    name: 'close: last witness written, place not settled',
    when: 'before',
    at: call('sync', /^durable$/),
    holds: 'all is below a witness: nothing is carried or cut',
  },
  {
    name: 'close: place settled',
    when: 'after',
    at: call('sync', /^durable$/),
    holds: 'as after a clean close',
  },
]
