import type { Attributes } from '@opentelemetry/api';
import type { Payload } from '../events.ts';

/** What of an event is told: fields that say nothing of the conversation, and texts that may. */
interface Note {
  readonly fields: readonly string[];
  readonly texts?: readonly string[];
}

/** Events that are told as events of a span. All others are told by spans, or by nothing. */
const notes: { readonly [T in Payload['type']]?: Note } = {
  'model.retrying': { fields: ['step', 'attempt', 'maxAttempts', 'delayMs'] },
  'tool.retrying': { fields: ['toolCallId', 'toolName', 'attempt', 'maxAttempts', 'delayMs'] },
  'tool.approvalRequested': { fields: ['toolCallId', 'toolName'] },
  'tool.approvalResolved': { fields: ['toolCallId', 'toolName', 'decision', 'by'] },
  'tool.denied': { fields: ['toolCallId', 'toolName'], texts: ['reason'] },
  'tool.cancelled': { fields: ['toolCallId', 'toolName', 'started'] },
  'steering.applied': { fields: [] },
  'compaction.started': { fields: ['reason'] },
  'compaction.completed': { fields: ['reason', 'tokensBefore', 'tokensAfter', 'removed'] },
  'compaction.failed': { fields: ['reason', 'tokensBefore', 'tokensAfter', 'removed'] },
  'turn.paused': { fields: ['reason', 'spent', 'limit'] },
  'turn.resumed': { fields: ['reason', 'spent', 'limit'] },
  'budget.warning': { fields: ['spent', 'limit'] },
  'guardrail.triggered': { fields: ['stage', 'name', 'action'], texts: ['reason'] },
  'output.rejected': { fields: ['retriesLeft'], texts: ['reason'] },
  'breaker.tripped': { fields: ['kind', 'count', 'limit', 'toolCallId'] },
  'transcript.repaired': { fields: ['toolCallId'], texts: ['how'] },
  diagnostic: { fields: ['source'], texts: ['message'] },
};

/** Fields that the conventions have a name for. */
const names: Readonly<Record<string, string>> = {
  toolCallId: 'gen_ai.tool.call.id',
  toolName: 'gen_ai.tool.name',
};

/** An event as one of a span: its attributes; nothing for events that are none. */
export function noteAttributes(event: Payload, withTexts: boolean): Attributes | undefined {
  const note = notes[event.type];
  if (note === undefined) return undefined;
  const attributes: Attributes = {};
  const values: Readonly<Record<string, unknown>> = { ...event };
  for (const field of [...note.fields, ...((withTexts && note.texts) || [])]) {
    const value = values[field];
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      attributes[names[field] ?? `turnchart.${inSnakeCase(field)}`] = value;
    }
  }
  if ('failure' in event) attributes['error.type'] = event.failure.code;
  return attributes;
}

function inSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
