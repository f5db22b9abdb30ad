// The layers as rules (ARCHITECTURE.md has the same table in prose): what a layer may import, and what it may not touch.

import { builtinModules } from 'node:module'
import { type Import, importCycles, importsOf, type Source, withoutComments } from './imports.ts'

interface Layer {
  readonly name: string
  readonly contains: RegExp
  /** Layers whose files it may import. Its own files always. */
  readonly below: readonly string[]
  /** Single files of other layers that it may import, for their types alone. */
  readonly typesOf?: readonly string[]
  /** Single files of other layers that it may import whole: they have no effects of their own. */
  readonly also?: readonly string[]
  /** Modules of Node that it may import; all when not said. */
  readonly node?: readonly string[]
  /** What comes in through ports and so may not be used directly. */
  readonly ports?: RegExp
}

const base = ['base']
const storePort = 'stores/store.ts'
const copyPort = 'stores/copy-port.ts'
const diskPorts = ['disks/disk.ts', 'disks/directories.ts']
// What belongs to the disk port beside types: the shape of a path, and of an error of the system, and doing as a whole what
// a file of the port may do in parts.
const diskWords = ['disks/disk-error.ts', 'disks/disk-path.ts', 'disks/whole-io.ts']
const io =
  /\b(?:Date\.now|new Date\(\)|performance\.|Math\.random|randomUUID|randomBytes|setTimeout|setInterval|fetch)\b/
const pureNode = ['node:crypto', 'node:zlib']

/** Lowest first. A file belongs to the first layer that contains it. */
export const layers: readonly Layer[] = [
  { name: 'base', contains: /^(errors|limits)\.ts$/, below: [], node: [] },
  {
    name: 'core',
    contains: /^core\//,
    below: base,
    typesOf: [storePort, copyPort],
    node: pureNode,
    ports: new RegExp(`${io.source}|\\bprocess\\b|\\bsetImmediate\\b`),
  },
  { name: 'host', contains: /^host\//, below: base },
  { name: 'disks', contains: /^disks\//, below: [...base, 'host'] },
  {
    name: 'engine',
    contains: /^engine\//,
    below: [...base, 'core', 'host'],
    typesOf: [storePort, copyPort, ...diskPorts],
    also: diskWords,
    node: pureNode,
    ports: io,
  },
  {
    name: 'stores',
    contains: /^stores\//,
    below: [...base, 'core', 'host', 'engine'],
    typesOf: diskPorts,
    also: diskWords,
    node: pureNode,
    ports: io,
  },
  {
    name: 'transfer',
    contains: /^transfer\//,
    below: [...base, 'core', 'host'],
    typesOf: [storePort, copyPort, 'disks/files.ts'],
    node: [...pureNode, 'node:buffer'],
    ports: io,
  },
  {
    name: 'journal',
    contains: /^journal(\.ts$|\/)/,
    below: [...base, 'core', 'host', 'transfer'],
    typesOf: [storePort],
    node: pureNode,
    ports: io,
  },
  {
    name: 'features',
    contains: /^(runs|checkpoints|entities|jobs|feed)\//,
    below: [...base, 'core', 'host', 'journal'],
    typesOf: [storePort],
    ports: io,
  },
  {
    // The loop of an agent stands on runs, and runs know nothing of it.
    name: 'agent',
    contains: /^agent\//,
    below: [...base, 'core', 'host', 'journal', 'features'],
    ports: io,
  },
  {
    name: 'composition',
    contains:
      /^(index|holdfast-journal|open|open-directory|open-postgres|open-sqlite|make-directories|run-control|submit|upkeep|import|copy|copy-places|sqlite-copy-ground)\.ts$/,
    below: [...base, 'core', 'host', 'disks', 'engine', 'stores', 'transfer', 'journal', 'features', 'agent'],
  },
  {
    name: 'surfaces',
    contains: /^(cli\.ts$|(cli|http|studio)\/)/,
    below: [...base, 'core', 'host', 'transfer', 'journal', 'features', 'agent', 'composition'],
    typesOf: [storePort],
  },
  {
    name: 'testing',
    contains: /^testing\//,
    below: [
      ...base,
      'core',
      'host',
      'disks',
      'engine',
      'stores',
      'transfer',
      'journal',
      'features',
      'agent',
      'composition',
    ],
  },
]

export interface Exception {
  readonly from: string
  /** A file below src/, a module of Node, or what a port stands for. */
  readonly to: string
  readonly why: string
}

export interface Declared {
  readonly dependencies: readonly string[]
}

/** What breaks a rule, one line each. */
export function violations(
  sources: readonly Source[],
  exceptions: readonly Exception[],
  declared: Declared = { dependencies: [] },
): string[] {
  const imports = sources.flatMap(importsOf)
  const broken = [
    ...sources.filter(({ file }) => layerOf(file) === undefined).map(({ file }) => ({ from: file, to: 'no layer' })),
    ...imports.filter((one) => (one.kind === 'file' ? !isFileAllowed(one) : !isPackageAllowed(one, declared))),
    ...sources.flatMap(usedPorts),
  ]
  const isExcepted = ({ from, to }: { readonly from: string; readonly to: string }) =>
    exceptions.some((exception) => exception.from === from && exception.to === to)
  const found = broken.filter((one) => !isExcepted(one)).map(({ from, to }) => `${from} → ${to}`)
  const cycles = importCycles(imports).map((way) => `cycle: ${way.join(' → ')}`)
  return [...new Set([...found, ...cycles])]
}

/** Exceptions that nothing needs any more. */
export function unusedExceptions(
  sources: readonly Source[],
  exceptions: readonly Exception[],
  declared: Declared = { dependencies: [] },
): string[] {
  const broken = new Set(violations(sources, [], declared))
  return exceptions.map(({ from, to }) => `${from} → ${to}`).filter((one) => !broken.has(one))
}

function layerOf(file: string): Layer | undefined {
  return layers.find(({ contains }) => contains.test(file))
}

function isFileAllowed({ from, to, isTypeOnly }: Import): boolean {
  const layer = layerOf(from)
  const target = layerOf(to)
  if (layer === undefined || target === undefined) return false
  if (layer === target || layer.below.includes(target.name) || layer.also?.includes(to) === true) return true
  return isTypeOnly && layer.typesOf?.includes(to) === true
}

function isPackageAllowed({ from, to }: Import, { dependencies }: Declared): boolean {
  if (!to.startsWith('node:')) return !builtinModules.includes(to) && dependencies.includes(to)
  const allowed = layerOf(from)?.node
  return allowed === undefined || allowed.includes(to)
}

function usedPorts({ file, text }: Source): { from: string; to: string }[] {
  const ports = layerOf(file)?.ports
  if (ports === undefined) return []
  const used = [...withoutComments(text).matchAll(new RegExp(ports.source, 'g'))].map(([word]) => word)
  return [...new Set(used)].map((word) => ({ from: file, to: word }))
}
