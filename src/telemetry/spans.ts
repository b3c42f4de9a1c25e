import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Payload } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { ModelName } from '../machines/contracts.ts';
import { errorType, modelAttributes, type Outcome } from './attributes.ts';
import type { ModelCall } from './modelCalls.ts';
import { noteAttributes } from './notes.ts';

/** What a span is begun with. */
interface Beginning {
  readonly name: string;
  /** Epoch ms. What nobody saw begin seems to have done so with the recording. */
  readonly startedAt: number | undefined;
  readonly parent: Context;
  readonly attributes: Attributes;
  readonly kind?: SpanKind;
}

/** What is known of something as it begins. */
type Begun<T> = T & Pick<Beginning, 'startedAt' | 'parent'>;

/** Makes the spans of a session. It has no clock: whoever uses it says what time it is. */
export class Spans {
  sessionId = '';
  /** When the recording began, in epoch ms. */
  since = 0;
  /** Epoch ms. */
  now = 0;
  /** Whether spans have what was said in them. */
  readonly content: boolean;
  readonly #tracer: Tracer;

  constructor(tracer: Tracer, content: boolean) {
    this.#tracer = tracer;
    this.content = content;
  }

  turn({ id, agent, model, ...place }: Begun<{ id: string; agent: string; model: ModelName | undefined }>): Span {
    return this.#start({
      ...place,
      name: `invoke_agent ${agent}`,
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': agent,
        'turnchart.turn.id': id,
        ...modelAttributes(model),
        ...(place.startedAt === undefined && { 'turnchart.resumed': true }),
      },
    });
  }

  tool({ id, toolName, agent, ...place }: Begun<{ id: string; toolName: string; agent: string }>): Span {
    return this.#start({
      ...place,
      name: `execute_tool ${toolName}`,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': toolName,
        'gen_ai.tool.call.id': id,
        'gen_ai.tool.type': 'function',
        'gen_ai.agent.name': agent,
      },
    });
  }

  chat({ call, model, ...place }: Begun<{ call: ModelCall; model: ModelName | undefined }>): Span {
    return this.#start({
      ...place,
      name: model === undefined ? 'chat' : `chat ${model.modelId}`,
      kind: SpanKind.CLIENT,
      attributes: {
        'gen_ai.operation.name': 'chat',
        ...modelAttributes(model),
        'gen_ai.request.stream': true,
        'turnchart.purpose': call.purpose,
        ...(call.step !== undefined && { 'turnchart.step': call.step }),
        'turnchart.attempt': call.attempt,
      },
    });
  }

  /** Tells an event of ours as one of the span, if it is one. */
  note(span: Span, event: Payload): void {
    const attributes = noteAttributes(event, this.content);
    if (attributes !== undefined) span.addEvent(`turnchart.${event.type}`, attributes, new Date(this.now));
  }

  end(span: Span, outcome: Outcome, attributes: Attributes, failure?: Pick<Failure, 'code' | 'message'>): void {
    span.setAttributes({ ...attributes, 'turnchart.outcome': outcome, ...errorType(failure) });
    if (failure !== undefined) {
      // what went wrong in words may repeat what was said
      span.setStatus({ code: SpanStatusCode.ERROR, ...(this.content && { message: failure.message }) });
    }
    span.end(new Date(this.now));
  }

  #start({ name, startedAt = this.since, parent, attributes, kind = SpanKind.INTERNAL }: Beginning): Span {
    const options = {
      kind,
      attributes: { ...attributes, 'gen_ai.conversation.id': this.sessionId },
      // a Date: numbers that are small are taken for times since the start of the process
      startTime: new Date(startedAt),
    };
    return this.#tracer.startSpan(name, options, parent);
  }
}
