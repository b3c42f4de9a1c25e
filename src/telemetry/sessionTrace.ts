import { type Attributes, type Context, context, type Span, type Tracer, trace } from '@opentelemetry/api';
import type { Payload, TurnCancelled, TurnCompleted, TurnEvent, TurnFailed } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { HostInput } from '../host.ts';
import type { Json } from '../json.ts';
import type { ModelName } from '../machines/contracts.ts';
import type { RecordingEntry, RowEntry } from '../recording.ts';
import { errorType, finishReasonOf, modelAttributes, type Outcome, usageAttributes } from './attributes.ts';
import { answerContent, type ContentMessage, outputContent, toContent } from './content.ts';
import type { Instruments } from './instruments.ts';
import { type ModelCall, type ModelCallEnd, plannedModel, readModelCall, readModelCallEnd } from './modelCalls.ts';
import { Spans } from './spans.ts';

/** Where spans and metrics go. */
export interface Outlet {
  readonly tracer: Tracer;
  readonly instruments: Instruments;
  /** Whether spans have what was said in them. */
  readonly content: boolean;
}

/** A turn that goes on: the session's, or that of a sub-agent. */
interface OpenTurn {
  readonly id: string;
  readonly agent: string;
  readonly span: Span;
  /** With the span in it, for those inside of it. */
  readonly context: Context;
  /** Nothing where nobody saw it begin. */
  readonly startedAt: number | undefined;
  readonly calls: Map<string, OpenCall>;
  /** What it was told, with `content`. */
  readonly input: ContentMessage[];
  /** Who was asked last. */
  asked: ModelName | undefined;
}

/** A tool call that has no result. */
interface OpenCall {
  readonly id: string;
  readonly toolName: string;
  /** Nothing where nobody saw it. */
  readonly calledAt: number | undefined;
  input: Json | undefined;
  /** There once it runs. */
  running: RunningCall | undefined;
  /** The turn of the sub-agent that works on it. */
  agentTurnId: string | undefined;
}

interface RunningCall {
  readonly span: Span;
  readonly context: Context;
  /** Nothing where nobody saw it begin. */
  readonly startedAt: number | undefined;
}

interface OpenModelCall {
  readonly startedAt: number;
  /** Who is asked, as far as that is known before there is an answer. */
  readonly model: ModelName | undefined;
}

/** The call that a sub-agent works on. */
interface Around {
  readonly turn: OpenTurn;
  readonly toolCallId: string;
}

const finishReasons = { end_turn: 'stop', max_tokens: 'length', refusal: 'content_filter' } as const;

type Ending = Extract<Payload, TurnCompleted | TurnFailed | TurnCancelled>;

/** The traces of a session, made of its recording as it comes. Times are those of the entries: it has no clock. */
export class SessionTrace {
  readonly #spans: Spans;
  readonly #instruments: Instruments;
  readonly #turns = new Map<string, OpenTurn>();
  readonly #modelCalls = new Map<string, OpenModelCall>();
  /** In which contexts turns were asked for that have not begun. */
  readonly #asking = new Map<string, Context>();
  /** In which one a compaction between turns was asked for. */
  #compacting: Context | undefined;
  #agent = '';
  #model: ModelName | undefined;

  constructor({ tracer, instruments, content }: Outlet) {
    this.#spans = new Spans(tracer, content);
    this.#instruments = instruments;
  }

  take(entry: RecordingEntry): void {
    switch (entry.type) {
      case 'session':
        this.#agent = entry.agent;
        this.#model = entry.model;
        this.#spans.sessionId = entry.sessionId;
        this.#spans.since = entry.at;
        this.#spans.now = entry.at;
        return;
      case 'row':
        this.#spans.now = entry.at;
        this.#takeRow(entry);
        return;
      case 'event':
        this.#spans.now = entry.event.at;
        this.#takeEvent(entry.event);
    }
  }

  /** Ends all spans that are open. */
  end(): void {
    for (const id of this.#modelCalls.keys()) this.#endModelCall(id, { outcome: 'unfinished' });
    for (const turn of this.#turns.values()) this.#endTurn(turn, 'unfinished', {});
  }

  /** Inputs of the machines: only they say when a model is asked, and what an attempt came to. */
  #takeRow({ input, began }: RowEntry): void {
    if (input.type === 'command') this.#takeCommand(input.command);
    if (input.type === 'settled' && readModelCall(input.effect) !== undefined) {
      this.#endModelCall(input.effect, readModelCallEnd(input.result), input.reportedAt);
    }
    for (const effect of began) {
      const call = readModelCall(effect);
      if (call === undefined) continue;
      const model = plannedModel(input) ?? this.#modelOf(call);
      this.#modelCalls.set(effect, { startedAt: this.#spans.now, model });
    }
  }

  /** Commands come while whoever gives them is at it, and a turn may begin much later. */
  #takeCommand(command: Extract<HostInput, { type: 'command' }>['command']): void {
    if (command.type === 'session.send') this.#asking.set(command.turnId, context.active());
    if (command.type === 'session.compact') this.#compacting = context.active();
  }

  /** A retry asks the same model. Which one a summary or a sub-agent asks is known once there is an answer. */
  #modelOf({ owner, attempt, purpose }: ModelCall): ModelName | undefined {
    if (purpose === 'summary') return undefined;
    if (attempt > 1) return this.#turns.get(owner)?.asked;
    return isOfAgent(owner) ? undefined : this.#model;
  }

  #takeEvent(event: TurnEvent): void {
    const { turnId, agent } = event;
    if (turnId === undefined) return;
    this.#takeTurnEvent(event, this.#turns.get(turnId) ?? this.#openTurn(turnId, agent, event.type));
  }

  #takeTurnEvent(event: Payload, turn: OpenTurn): void {
    const { content } = this.#spans;
    switch (event.type) {
      case 'message.added':
        if (content) this.#tellInput(turn, toContent(event.message));
        return;
      case 'tool.called':
        this.#callOf(turn, event, this.#spans.now).input = event.input;
        return;
      case 'tool.started':
        this.#runCall(turn, this.#callOf(turn, event), this.#spans.now);
        return;
      case 'tool.resultRequested': {
        const call = this.#callOf(turn, event);
        call.input = event.input;
        this.#runCall(turn, call, this.#spans.now);
        return;
      }
      case 'tool.approvalRequested':
        this.#callOf(turn, event).input = event.input;
        this.#spans.note(turn.span, event);
        return;
      case 'tool.completed':
        this.#endCall(turn, this.#callOf(turn, event), 'completed', {
          ...(content && { 'gen_ai.tool.call.result': JSON.stringify(outputContent(event.output)) }),
        });
        return;
      case 'tool.failed':
        this.#endCall(turn, this.#callOf(turn, event), 'failed', {}, event.failure);
        return;
      case 'tool.denied':
      case 'tool.cancelled': {
        this.#spans.note(turn.span, event);
        const call = this.#callOf(turn, event);
        // one that never ran has no span
        if (call.running === undefined) turn.calls.delete(call.id);
        else this.#endCall(turn, call, event.type === 'tool.denied' ? 'denied' : 'cancelled', {});
        return;
      }
      case 'tool.retrying':
        this.#spans.note(this.#callOf(turn, event).running?.span ?? turn.span, event);
        return;
      case 'agent.event': {
        const { toolCallId, event: inner } = event;
        const around = { turn, toolCallId };
        this.#takeTurnEvent(
          inner,
          this.#turns.get(inner.turnId) ?? this.#openTurn(inner.turnId, inner.agent, inner.type, around),
        );
        return;
      }
      case 'turn.completed':
      case 'turn.failed':
      case 'turn.cancelled':
        this.#takeEnding(turn, event);
        return;
      default:
        this.#spans.note(turn.span, event);
    }
  }

  #takeEnding(turn: OpenTurn, event: Ending): void {
    const { usage, cost, steps } = event;
    const attributes: Attributes = {
      ...usageAttributes(usage),
      'turnchart.steps': steps,
      ...(cost !== undefined && { 'turnchart.cost': cost }),
    };
    if (event.type === 'turn.failed') {
      this.#endTurn(turn, 'failed', attributes, event.failure);
    } else if (event.type === 'turn.cancelled') {
      this.#endTurn(turn, 'cancelled', attributes);
    } else {
      attributes['turnchart.stop_reason'] = event.stopReason;
      if (this.#spans.content) {
        const answer = answerContent([{ type: 'text', text: event.text }], finishReasons[event.stopReason]);
        attributes['gen_ai.output.messages'] = JSON.stringify([answer]);
      }
      this.#endTurn(turn, 'completed', attributes);
    }
  }

  /** One that began unobserved is inside of the session's turn, at least. Between turns there is none. */
  #turnOf({ owner, step }: ModelCall): OpenTurn | undefined {
    if (step === undefined) return undefined;
    const [turnId = owner] = owner.split('.');
    return this.#turns.get(owner) ?? this.#turns.get(turnId) ?? this.#openTurn(turnId, this.#agent, undefined);
  }

  #openTurn(id: string, agent: string, first: Payload['type'] | undefined, around?: Around): OpenTurn {
    // else it began before anybody observed it, in an earlier process perhaps
    const startedAt = first === 'turn.started' ? this.#spans.now : undefined;
    const model = around === undefined ? this.#model : undefined;
    const parent =
      around === undefined ? (this.#asking.get(id) ?? context.active()) : this.#delegate(around, id, agent);
    this.#asking.delete(id);
    const span = this.#spans.turn({ id, agent, model, startedAt, parent });
    const turn: OpenTurn = {
      id,
      agent,
      span,
      context: trace.setSpan(parent, span),
      startedAt,
      calls: new Map(),
      input: [],
      asked: model,
    };
    this.#turns.set(id, turn);
    return turn;
  }

  #endTurn(turn: OpenTurn, outcome: Outcome, attributes: Attributes, failure?: Failure): void {
    this.#endInside(`${turn.id}.`, outcome);
    for (const call of turn.calls.values()) {
      if (call.running !== undefined) this.#endCall(turn, call, outcomeInside(outcome), {});
    }
    this.#turns.delete(turn.id);
    this.#spans.end(
      turn.span,
      outcome,
      { ...(isOfAgent(turn.id) && modelAttributes(turn.asked)), ...attributes },
      failure,
    );
    if (outcome === 'unfinished' || turn.startedAt === undefined) return;
    this.#instruments.turnEnded(this.#spans.now - turn.startedAt, {
      'gen_ai.agent.name': turn.agent,
      ...errorType(failure),
    });
  }

  /** What goes on inside of something that ends says no more. */
  #endInside(prefix: string, outcome: Outcome): void {
    for (const id of this.#modelCalls.keys()) {
      if (id.startsWith(prefix)) this.#endModelCall(id, { outcome: outcomeInside(outcome) });
    }
    for (const turn of this.#turns.values()) {
      if (turn.id.startsWith(prefix)) this.#endTurn(turn, outcomeInside(outcome), {});
    }
  }

  #tellInput({ span, input }: OpenTurn, message: ContentMessage): void {
    input.push(message);
    span.setAttribute('gen_ai.input.messages', JSON.stringify(input));
  }

  #callOf(
    { calls }: OpenTurn,
    { toolCallId, toolName }: { readonly toolCallId: string; readonly toolName: string },
    calledAt?: number,
  ): OpenCall {
    const known = calls.get(toolCallId);
    if (known !== undefined) return known;
    const call: OpenCall = {
      id: toolCallId,
      toolName,
      calledAt,
      input: undefined,
      running: undefined,
      agentTurnId: undefined,
    };
    calls.set(toolCallId, call);
    return call;
  }

  #runCall(turn: OpenTurn, call: OpenCall, startedAt: number | undefined): RunningCall {
    const { agent, context: parent } = turn;
    const span = this.#spans.tool({ id: call.id, toolName: call.toolName, agent, startedAt, parent });
    call.running = { span, context: trace.setSpan(parent, span), startedAt };
    return call.running;
  }

  /** The turn of a sub-agent is inside of the call that it works on. */
  #delegate({ turn, toolCallId }: Around, agentTurnId: string, agent: string): Context {
    const call = this.#callOf(turn, { toolCallId, toolName: agent });
    call.agentTurnId = agentTurnId;
    return (call.running ?? this.#runCall(turn, call, call.calledAt)).context;
  }

  #endCall(turn: OpenTurn, call: OpenCall, outcome: Outcome, attributes: Attributes, failure?: Failure): void {
    const { toolName, calledAt, input, agentTurnId } = call;
    const agentTurn = agentTurnId === undefined ? undefined : this.#turns.get(agentTurnId);
    if (agentTurn !== undefined) this.#endTurn(agentTurn, outcomeInside(outcome), {});
    const { span, startedAt } = call.running ?? this.#runCall(turn, call, calledAt);
    turn.calls.delete(call.id);
    const hasInput = this.#spans.content && input !== undefined;
    this.#spans.end(
      span,
      outcome,
      { ...(hasInput && { 'gen_ai.tool.call.arguments': JSON.stringify(input) }), ...attributes },
      failure,
    );
    if (outcome === 'unfinished' || startedAt === undefined) return;
    this.#instruments.toolEnded(this.#spans.now - startedAt, {
      'gen_ai.tool.name': toolName,
      'gen_ai.tool.type': 'function',
      'gen_ai.agent.name': turn.agent,
      ...errorType(failure),
    });
  }

  /** Its span is made at its end: only then it is known who was asked. */
  #endModelCall(effect: string, end: ModelCallEnd, reportedAt?: number): void {
    const call = readModelCall(effect);
    if (call === undefined) return;
    const { startedAt, model: expected = this.#modelOf(call) } = this.#modelCalls.get(effect) ?? {};
    this.#modelCalls.delete(effect);
    const { model = expected, outcome, usage, cost, finishReason, response, content, failure } = end;
    const turn = this.#turnOf(call);
    if (turn?.id === call.owner && call.purpose === 'turn') turn.asked = model;
    const parent = turn?.context ?? this.#compacting ?? context.active();
    const firstChunkMs = reportedAt === undefined || startedAt === undefined ? undefined : reportedAt - startedAt;
    const answeredBy = response?.modelId === undefined ? {} : { 'gen_ai.response.model': response.modelId };
    const reason = finishReason === undefined ? undefined : finishReasonOf(finishReason);
    const isTold = this.#spans.content && content !== undefined && reason !== undefined;
    this.#spans.end(
      this.#spans.chat({ call, model, startedAt, parent }),
      outcome,
      {
        ...answeredBy,
        ...(response?.id !== undefined && { 'gen_ai.response.id': response.id }),
        ...(reason !== undefined && { 'gen_ai.response.finish_reasons': [reason] }),
        ...(firstChunkMs !== undefined && { 'gen_ai.response.time_to_first_chunk': firstChunkMs / 1000 }),
        ...(usage !== undefined && usageAttributes(usage)),
        ...(cost !== undefined && { 'turnchart.cost': cost }),
        ...(isTold && { 'gen_ai.output.messages': JSON.stringify([answerContent(content, reason)]) }),
      },
      failure,
    );
    if (outcome === 'unfinished' || startedAt === undefined) return;
    this.#instruments.modelCalled(this.#spans.now - startedAt, firstChunkMs, usage, {
      'gen_ai.operation.name': 'chat',
      ...modelAttributes(model),
      ...answeredBy,
      ...errorType(failure),
    });
  }
}

/** Turns of sub-agents are named after the calls that they work on. */
function isOfAgent(turnId: string): boolean {
  return turnId.includes('.');
}

/** What has to stop because something around it ends, is cancelled. */
function outcomeInside(outcome: Outcome): Outcome {
  return outcome === 'unfinished' ? outcome : 'cancelled';
}
