import { type Meter, metrics, type Tracer, trace } from '@opentelemetry/api';
import { toUnsubscribe, type Unsubscribe } from '../listeners.ts';
import type { Session } from '../session.ts';
import { Instruments } from './instruments.ts';
import { SessionTrace } from './sessionTrace.ts';

/** Settings of {@link telemetry}. */
export interface TelemetryOptions {
  /** What makes the spans. @default that of the tracer provider that is registered, under the name `turnchart` */
  readonly tracer?: Tracer;
  /** What makes the metrics. @default that of the meter provider that is registered, under the name `turnchart` */
  readonly meter?: Meter;
  /**
   * Whether spans have what was said in them: messages, inputs and outputs of tools, reasons and errors in words.
   *
   * @default false
   */
  readonly content?: boolean;
}

/** What {@link telemetry} gives. */
export interface Telemetry {
  /**
   * Makes spans and metrics of what happens to a session from now on, in the middle of a turn, too. It can be taken off
   * its object.
   *
   * @returns what ends that; spans that are open then end, with the outcome `unfinished`
   */
  observe(session: Pick<Session<unknown>, 'record'>): Unsubscribe;
}

/**
 * Makes OpenTelemetry traces and metrics of sessions, after the semantic conventions for generative AI: a turn is an
 * `invoke_agent` span, each attempt of a model call in it a `chat` span, each tool that runs an `execute_tool` span.
 *
 * @throws TypeError naming the option that is wrong
 * @example
 * ```ts
 * const { observe } = telemetry();
 * const session = agent.session();
 * observe(session);
 * await session.send('What is 17*23?').result;
 * ```
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const {
    tracer = trace.getTracer('turnchart'),
    meter = metrics.getMeter('turnchart'),
    content = false,
    ...others
  } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`telemetry(): there is no option \`${unknown}\`.`);
  if (typeof content !== 'boolean') throw new TypeError('telemetry(): `content` must be true or false.');
  const instruments = new Instruments(meter);
  return {
    observe(session) {
      const spans = new SessionTrace({ tracer, instruments, content });
      const stop = session.record((entry) => spans.take(entry), { from: 'now' });
      return toUnsubscribe(() => {
        stop();
        spans.end();
      });
    },
  };
}
