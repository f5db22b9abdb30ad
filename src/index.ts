// The public surface, re-exports only.

export type { ErrorSummary, Observation, PastIteration, ProposedAction, TokenUsage } from './agent/agent-action.ts'
export {
  type AgentEventType,
  type AgentOutcome,
  type AgentStamp,
  agentEvents,
  type Decided,
  type DispatchedEntry,
  type EvaluatedEntry,
  entryOf,
  type ObservedEntry,
  type ReasonedEntry,
  type RecoveringEntry,
  type StartedEntry,
  type TerminatedEntry,
  type TerminationReason,
} from './agent/agent-event.ts'
export type { AgentLimitOptions, AgentLimits } from './agent/agent-limits.ts'
export { runAgent } from './agent/agent-loop.ts'
export type { ModelFunction, ModelReply, ModelRequest } from './agent/agent-model.ts'
export type { AgentOptions, DelegateOptions } from './agent/agent-options.ts'
export type { AgentTool, AgentTools } from './agent/agent-tool.ts'
export { type AuditEntry, type AuditOptions, auditOf, lastCompletedIteration } from './agent/audit.ts'
export type { ApprovalAnswer, GateContext, GateVerdict, PolicyGate } from './agent/policy-gate.ts'
export { type DeadLetter, deadLetters, type OpenQuestion, openQuestions } from './agent/questions.ts'
export type { EscalationAnswer, Recovery } from './agent/recovery.ts'
export { abandonCopy, type CopyEnd, type CopyOptions, copyJournal } from './copy.ts'
export { BlobRef } from './core/blob-ref.ts'
export type { Position, Seq, TimeMs } from './core/numbers.ts'
export type { CustomCodec } from './core/payload.ts'
export type {
  EventDefinition,
  EventDefinitions,
  InputOf,
  OutputOf,
  StandardSchema,
  TypedEvent,
} from './core/schema.ts'
export type { RepairAction, RepairOutcome, RepairReport } from './engine/repair.ts'
export { type ErrorCode, type ErrorDetails, HoldfastError, isHoldfastError } from './errors.ts'
export { type FeatureOptions, HoldfastJournal } from './holdfast-journal.ts'
export { type Clock, systemClock, type Timer } from './host/clock.ts'
export type { Processes } from './host/processes.ts'
export { type Random, systemRandom } from './host/random.ts'
export { type ImportOptions, type ImportReport, type ImportSource, importJournal, openImported } from './import.ts'
export type { AgendaEntry, AgendaFilter, ClaimedEntry, ClaimOptions } from './journal/agenda.ts'
export type { EventDraft, Redact } from './journal/append.ts'
export type {
  AgendaInput,
  AppendOptions,
  Durability,
  Duration,
  Expectation,
  Fence,
  LeaseInput,
  PinInput,
} from './journal/append-options.ts'
export type { BlobContent } from './journal/blobs.ts'
export {
  type EventInput,
  type EventOf,
  JournalEvent,
  type NoDefinitions,
  type StreamEventInput,
} from './journal/event.ts'
export type { Health, HealthCheck } from './journal/health.ts'
export type { AcquireOptions, Lease, LeaseFilter } from './journal/leases.ts'
export type { BroadcastInput, LiveEvent } from './journal/live.ts'
export type { ResetReason } from './journal/place.ts'
export type { PreparedAppend } from './journal/prepared.ts'
export type { EventReading, ReadOptions } from './journal/read.ts'
export type { AutomaticRetention, RetentionOptions } from './journal/retention.ts'
export type { Select } from './journal/select.ts'
export type { Notice, RemovedNotice, ResetNotice } from './journal/subscribe.ts'
export type { LiveSubscribeOptions, SubscribeOptions } from './journal/subscribe-options.ts'
export { createJournal, type Journal, type JournalOptions } from './journal.ts'
export { limits } from './limits.ts'
export { type OpenOptions, open } from './open.ts'
export { cancelRun, type RunControlOptions, raiseRun, settleRun, signalRun } from './run-control.ts'
export type { Amounts, Budgets } from './runs/budget.ts'
export type { CheckAllReport, CheckOptions, CheckReport, RunName } from './runs/check.ts'
export type { DefineOptions } from './runs/definitions.ts'
export {
  type CodeVersions,
  type Divergence,
  type DivergenceRepair,
  explainDivergence,
  type FoundDivergence,
} from './runs/divergence.ts'
export type { RetryOptions } from './runs/retry.ts'
export { type ChildOptions, Run, type StepOptions, type WaitOptions } from './runs/run.ts'
export type { RunDiff, RunFigures, StepChange, StepPlace } from './runs/run-diff.ts'
export type { ForkOptions } from './runs/run-fork.ts'
export type { RunFilter, RunState, RunSummary } from './runs/run-list.ts'
export type { TellOptions } from './runs/run-teller.ts'
export type { RunFunction, RunOptions, StartOptions } from './runs/runs.ts'
export type { Settling } from './runs/settlement.ts'
export type { StepContext } from './runs/step-context.ts'
export type { ToolContext } from './runs/tool-context.ts'
export type { ToolEffect, ToolOptions, ToolVerdict } from './runs/tool-terms.ts'
export type { ValueDifference } from './runs/value-diff.ts'
export type { Worker, WorkerOptions } from './runs/worker.ts'
export type {
  EventPlace,
  Finding,
  JournalHead,
  LeaseGrant,
  LeaseState,
  LongWork,
  PinState,
  Receipt,
  Release,
  RetentionReport,
  StoreStats,
  StreamHead,
  VerifyProgress,
  VerifyReport,
} from './stores/store.ts'
export { type SubmitOptions, submit } from './submit.ts'
export type { CopyProgress, CopyReport } from './transfer/copy.ts'
export type { AbandonReport } from './transfer/copy-abandon.ts'
export type { LeftBehind } from './transfer/copy-records.ts'
export type { Tally, TallyKind, TallyRow } from './transfer/copy-tally.ts'
export type { ExportOptions, ExportProgress, ExportReport, ExportSink } from './transfer/export.ts'
export type { ImportProgress } from './transfer/import-file.ts'
export { type RepairOptions, repair, verify } from './upkeep.ts'
